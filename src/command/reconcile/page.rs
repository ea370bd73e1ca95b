//! A reconciliation as one page; nothing is loaded from anywhere.

use paystate_client::v1;

use super::report;

const STYLE: &str = include_str!("style.css");

pub(super) fn render(result: &v1::GetReconciliationResponse) -> String {
    let title = escape(&format!("Reconciliation of {} on {}", result.account, result.date));
    let counts = report::counts(result).into_iter();
    let counts = counts.map(|(name, value)| format!("<tr><th>{}</th><td>{}</td></tr>\n", escape(name), escape(&value)));
    let detail = if result.detail.is_empty() {
        String::new()
    } else {
        format!("<p class=\"bad\">{}</p>\n", escape(&result.detail))
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n<main>\n<h1>{title}</h1>\n{detail}<table class=\"counts\">\n{}</table>\n{}</main>\n</html>\n",
        counts.collect::<String>(),
        differences(result)
    )
}

fn differences(result: &v1::GetReconciliationResponse) -> String {
    if result.differences.is_empty() {
        return "<p class=\"good\">Nothing differs.</p>\n".to_owned();
    }
    let headings = report::HEADINGS.map(|heading| format!("<th>{heading}</th>")).concat();
    let row = |(cells, difference): (Vec<String>, &v1::Difference)| {
        let cells = cells.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect::<String>();
        format!("<tr class=\"{}\">{cells}</tr>\n", if difference.healed { "good" } else { "bad" })
    };
    let rows = report::rows(result).into_iter().zip(&result.differences).map(row).collect::<String>();
    format!("<h2>Differences</h2>\n<table>\n<tr>{headings}</tr>\n{rows}</table>\n")
}

/// Numbers in a statement may contain anything.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_every_difference_and_obeys_none() {
        let difference = v1::Difference {
            kind: v1::DifferenceKind::MissingHere.into(),
            out_trade_no: "<script>".into(),
            case_id: "case-1".into(),
            ..Default::default()
        };
        let healed = v1::Difference { healed: true, ..difference.clone() };
        let page = render(&v1::GetReconciliationResponse {
            account: "shop".into(),
            date: "2026-11-22".into(),
            differences: vec![difference, healed],
            ..Default::default()
        });
        assert!(page.contains("MISSING_HERE") && page.contains("case case-1") && page.contains("<td>healed</td>"));
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
        assert!(render(&v1::GetReconciliationResponse::default()).contains("Nothing differs"));
    }
}
