//! What a log line may hold.

use std::{cell::RefCell, io::Write, sync::Once};

use paystate_edge::Limits;

use crate::rig::{PATH, Rig};

thread_local! {
    /// Each test runs on a thread of its own, its edge included, so this holds the lines of one test.
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct ToThread;

impl Write for ToThread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// From here on this test's lines are kept.
pub(crate) fn capture() {
    static SUBSCRIBER: Once = Once::new();
    // For the whole process: a subscriber of one thread only would race with the other tests for which
    // events are enabled at all.
    SUBSCRIBER.call_once(|| {
        let format = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::TRACE);
        format.with_writer(|| ToThread).init();
    });
}

/// The lines that this test has kept.
pub(crate) fn lines() -> String {
    LINES.with_borrow(|lines| String::from_utf8(lines.clone()).unwrap())
}

#[tokio::test]
async fn one_line_for_each_callback_and_nothing_of_what_was_sent() {
    capture();
    let rig = Rig::start(Limits::default()).await;
    let mut client = rig.connect().await;
    client.post(PATH, "paid CANARY").await;
    client.post(PATH, "forged CANARY\r\n\u{1b}[31m\u{202e}").await;
    client.post(PATH, "panic CANARY").await;
    client.post("/callback/alipay/CANARY", "paid CANARY").await;

    let text = lines();
    let ours: Vec<_> = text.lines().filter(|line| line.contains("paystate_edge")).collect();
    let events: Vec<_> = ours.iter().filter(|line| line.contains(" callback provider=")).collect();
    assert_eq!(events.len(), 3, "{ours:#?}");
    for (event, parts) in events.iter().zip([
        ["DEBUG", "outcome=\"accepted\"", "reason=\"STORED\"", "bytes=11"],
        ["INFO", "outcome=\"refused\"", "reason=\"SIGNATURE_INVALID\"", "account=shop"],
        ["INFO", "outcome=\"unavailable\"", "reason=\"PANICKED\"", "duration_us="],
    ]) {
        assert!(parts.iter().all(|part| event.contains(part)), "{event}");
    }
    assert!(ours.iter().all(|line| !line.contains("CANARY") && !line.contains('\u{1b}') && !line.contains("payer")));
}
