//! The figures as one page: curves as inline SVG, nothing loaded from anywhere.

use std::fmt::Write as _;

use super::{
    super::{
        load::Run,
        search::Peak,
        stats::{Latency, Second, float},
    },
    Report, table,
    table::{millis, whole},
};

const STYLE: &str = include_str!("style.css");

/// Size of a chart, and of its margins, in the SVG's own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 36.0;
const TOP: f64 = 14.0;
const RIGHT: f64 = 16.0;

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The page.
pub(in crate::command::bench) fn render(report: &Report) -> String {
    let m = &report.machine;
    let memory = float(m.memory_bytes) / 1_073_741_824.0;
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>paystate bench</title>\n<style>\n{STYLE}</style>\n<main>\n<h1>paystate bench</h1>\n\
         <pre>{}</pre>\n<p>{} UTC · {} × {} · {memory:.0} GiB · Linux {} · {}{}</p>\n",
        escape(&report.command),
        escape(&report.at),
        m.cores,
        escape(&m.cpu),
        escape(&m.kernel),
        escape(&report.ground),
        if m.optimised { "" } else { " · <b class=\"bad\">built without --release</b>" }
    );
    verdict(&mut out, report);
    tiles(&mut out, report);
    report.runs.iter().for_each(|r| run(&mut out, r));
    report.peak.iter().filter(|p| !p.tries.is_empty()).for_each(|p| search(&mut out, p));
    let _ = write!(
        out,
        "<h2>All figures</h2>\n<pre>{}</pre>\n<p class=\"note\">Latency counts from the time at which a callback was \
         due, fixed before the start; waiting for a free connection is part of it. Percentiles are exact.</p>\n</main>\n\
         </html>\n",
        escape(&table::render(report))
    );
    out
}

fn verdict(out: &mut String, report: &Report) {
    if report.faults().next().is_none() {
        out.push_str("<p class=\"good\">Every acknowledged callback's order is PAID.</p>\n");
    }
    report.faults().for_each(|fault| {
        let _ = writeln!(out, "<pre class=\"bad\">FAULT: {}</pre>", escape(fault));
    });
}

/// The few numbers that most people look for.
fn tiles(out: &mut String, report: &Report) {
    let mut tiles = Vec::new();
    if let Some(peak) = &report.peak {
        tiles.push((whole(peak.rate), "callbacks/s at peak".to_owned()));
    }
    if let Some(compare) = &report.compare {
        tiles.push((format!("{:.2} ×", compare.ratio), format!("of {}", compare.setting)));
    }
    if let Some(baseline) = &report.baseline {
        tiles.push((format!("{:.2} ×", baseline.ratio), "of pgbench row by row".to_owned()));
    }
    if let Some(burst) = &report.burst {
        tiles.push((format!("{:.0} %", burst.share_of_peak * 100.0), "of the peak in the burst".to_owned()));
    }
    if let Some(run) = report.runs.first() {
        tiles.push((whole(run.summary.goodput_per_second), "new callbacks/s".to_owned()));
        if let Some(latency) = &run.summary.latency.acknowledged {
            tiles.push((format!("{} ms", millis(latency.p50_ms)), "p50".to_owned()));
            tiles.push((format!("{} ms", millis(latency.p99_ms)), "p99".to_owned()));
        }
        if let Some(latency) = run.subscribers.as_ref().and_then(|s| s.latency.as_ref()) {
            tiles.push((format!("{} ms", millis(latency.p99_ms)), "p99 of events".to_owned()));
        }
        tiles.push((format!("{:.0} µs", run.service_cpu_us_per_callback), "CPU a callback".to_owned()));
    }
    out.push_str("<div class=\"tiles\">\n");
    for (number, what) in tiles {
        let _ = writeln!(out, "<div><b>{}</b><span>{}</span></div>", escape(&number), escape(&what));
    }
    out.push_str("</div>\n");
}

fn run(out: &mut String, run: &Run) {
    let _ = writeln!(out, "<h2>{}</h2>", escape(&run.label));
    let l = &run.summary.latency;
    let curves = [
        ("new", "a", l.new.as_ref()),
        ("duplicate", "b", l.duplicate.as_ref()),
        ("refused", "c", l.refused.as_ref()),
        ("unavailable", "d", l.unavailable.as_ref()),
    ];
    let curves: Vec<_> = curves.into_iter().filter_map(|(name, class, l)| Some((name, class, l?))).collect();
    out.push_str(&latency_chart("Answered after, ms, by percentile", &curves));
    if let Some(latency) = run.subscribers.as_ref().and_then(|s| s.latency.as_ref()) {
        let title = "Received by a subscriber after its decision, ms, by percentile";
        out.push_str(&latency_chart(title, &[("event", "a", latency)]));
    }
    let of = |pick: fn(&Second) -> u64| run.timeline.iter().map(|s| Some(float(pick(s)))).collect::<Vec<_>>();
    let lines = [
        ("offered", "e", of(|s| s.offered)),
        ("new", "a", of(|s| s.new)),
        ("duplicates", "b", of(|s| s.duplicates)),
        ("refused", "c", of(|s| s.refused)),
        ("unavailable", "d", of(|s| s.unavailable)),
        ("lost", "f", of(|s| s.lost)),
    ];
    let lines: Vec<_> = lines.into_iter().filter(|(_, _, values)| values.iter().any(|v| *v > Some(0.0))).collect();
    out.push_str(&time_chart("Callbacks a second", &lines));
    let p99 = run.timeline.iter().map(|s| s.p99_ms).collect();
    let p50 = run.timeline.iter().map(|s| s.p50_ms).collect();
    out.push_str(&time_chart(
        "Acknowledged after, ms, by the second in which it was due",
        &[("p50", "a", p50), ("p99", "d", p99)],
    ));
}

/// Where on the page a value of a range lies.
fn place(value: f64, from: f64, to: f64, begin: f64, end: f64) -> f64 {
    begin + (value - from) / (to - from).max(f64::EPSILON) * (end - begin)
}

fn x(value: f64, from: f64, to: f64) -> f64 {
    place(value, from, to, LEFT, WIDTH - RIGHT)
}

fn y(value: f64, from: f64, to: f64) -> f64 {
    place(value, from, to, HEIGHT - BOTTOM, TOP)
}

fn line(class: &str, points: &[(f64, f64)]) -> String {
    let points = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ");
    format!("<polyline class=\"{class}\" points=\"{points}\"/>\n")
}

fn tick_x(at: f64, text: &str) -> String {
    let (top, bottom, under) = (TOP, HEIGHT - BOTTOM, HEIGHT - BOTTOM + 18.0);
    format!(
        "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>\
         <text x=\"{at:.1}\" y=\"{under}\" text-anchor=\"middle\">{text}</text>\n"
    )
}

fn tick_y(at: f64, text: &str) -> String {
    let (right, left, under) = (WIDTH - RIGHT, LEFT - 8.0, at + 4.0);
    format!(
        "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
         <text x=\"{left}\" y=\"{under:.1}\" text-anchor=\"end\">{text}</text>\n"
    )
}

fn figure(title: &str, names: &[(&str, &str)], content: &str) -> String {
    let names = names.iter().map(|(name, class)| format!("<span class=\"key {class}\">{name}</span>"));
    format!(
        "<figure><figcaption>{title} {}</figcaption>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{title}\">\n{content}</svg></figure>\n",
        names.collect::<String>()
    )
}

/// How far a percentile is to the right: each nine takes the same room.
fn nines(percent: f64) -> f64 {
    -((100.0 - percent) / 100.0).max(1e-5).log10()
}

/// Milliseconds over percentiles, both so that the tail has room.
fn latency_chart(title: &str, curves: &[(&str, &str, &Latency)]) -> String {
    let values = || curves.iter().flat_map(|(_, _, l)| l.curve.iter().map(|(_, ms)| ms.max(0.01).log10()));
    let (low, high) = (values().fold(0.0, f64::min).floor(), values().fold(0.0, f64::max).ceil());
    let last = curves.iter().map(|(_, _, l)| nines(100.0 - 100.0 / float(l.count.max(1)))).fold(1.0, f64::max);
    let mut content = String::new();
    for percent in [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999] {
        if nines(percent) <= last + 1e-9 {
            content.push_str(&tick_x(x(nines(percent), 0.0, last), &format!("{percent} %")));
        }
    }
    let mut power = low;
    while power <= high {
        content.push_str(&tick_y(y(power, low, high), &format!("{}", 10_f64.powf(power))));
        power += 1.0;
    }
    for (_, class, latency) in curves {
        let point =
            |(percent, ms): &(f64, f64)| (x(nines(*percent).min(last), 0.0, last), y(ms.max(0.01).log10(), low, high));
        content.push_str(&line(class, &latency.curve.iter().map(point).collect::<Vec<_>>()));
    }
    let names: Vec<_> = curves.iter().map(|(name, class, _)| (*name, *class)).collect();
    figure(title, &names, &content)
}

/// A round number that is not much above the largest value.
fn round_above(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-3).log10().floor());
    [1.0, 2.0, 5.0, 10.0].iter().map(|step| step * power).find(|top| *top >= value).unwrap_or(value)
}

/// Values by second; a second without one has no point.
fn time_chart(title: &str, lines: &[(&str, &str, Vec<Option<f64>>)]) -> String {
    let seconds = lines.iter().map(|(_, _, values)| values.len()).max().unwrap_or(0);
    let last = float(super::super::stats::count_of(seconds.saturating_sub(1).max(1)));
    let top = round_above(lines.iter().flat_map(|(_, _, values)| values.iter().flatten().copied()).fold(0.0, f64::max));
    let mut content = String::new();
    for quarter in [0.0, 0.25, 0.5, 0.75, 1.0] {
        content.push_str(&tick_x(x(quarter * last, 0.0, last), &format!("{:.0} s", quarter * last)));
        let value = quarter * top;
        let text = if top < 10.0 { format!("{value:.2}") } else { whole(value) };
        content.push_str(&tick_y(y(value, 0.0, top), &text));
    }
    for (_, class, values) in lines {
        let point =
            |(second, value): (u32, &Option<f64>)| Some((x(f64::from(second), 0.0, last), y((*value)?, 0.0, top)));
        content.push_str(&line(class, &(0..).zip(values).filter_map(point).collect::<Vec<_>>()));
    }
    let names: Vec<_> = lines.iter().map(|(name, class, _)| (*name, *class)).collect();
    figure(title, &names, &content)
}

fn search(out: &mut String, peak: &Peak) {
    out.push_str("<h2>Search for the peak</h2>\n<table><tr><th>offered/s<th>new/s<th>p99 ms<th>\n");
    for tried in &peak.tries {
        let held = if tried.held { "<td class=\"good\">held" } else { "<td class=\"bad\">not held" };
        let (rate, goodput, p99) = (whole(tried.rate), whole(tried.goodput_per_second), millis(tried.p99_ms));
        let _ = writeln!(out, "<tr><td>{rate}<td>{goodput}<td>{p99}{held}");
    }
    out.push_str("</table>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_stands_alone_and_escapes() {
        let page = render(&super::super::tests::sample());
        assert!(page.contains("run &lt;1&gt;") && !page.contains("run <1>"));
        assert_eq!(page.matches("<svg").count(), 4);
        for outside in ["http:", "https:", "<script", "<link", "url(", "NaN", "inf"] {
            assert!(!page.contains(outside), "{outside:?} in {page}");
        }
    }

    #[test]
    fn charts_keep_inside_their_frame() {
        let latency = Latency::of((1..=100_000).collect()).unwrap();
        let chart = latency_chart("l", &[("new", "a", &latency)])
            + &time_chart("t", &[("v", "a", vec![Some(0.0), None, Some(99.0)])]);
        let inside = |point: &str| {
            let (x, y) = point.split_once(',').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            (LEFT..=WIDTH - RIGHT).contains(&x) && (TOP..=HEIGHT - BOTTOM).contains(&y)
        };
        let points: Vec<&str> = chart.split("points=\"").skip(1).filter_map(|p| p.split('"').next()).collect();
        assert_eq!(points.len(), 2);
        assert!(points.iter().flat_map(|p| p.split(' ')).all(inside), "{points:?}");
        assert_eq!([0.3, 1.0, 42.0, 5001.0].map(round_above), [0.5, 1.0, 50.0, 10_000.0]);
    }
}
