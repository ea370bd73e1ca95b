//! What a log line may hold.

use std::{
    cell::RefCell,
    io::Write,
    sync::{Mutex, Once},
};

use paystate_edge::Limits;

use crate::{
    core::Mode,
    rig::{LOGGED, Rig},
};

thread_local! {
    /// What was written on this thread; each test runs on one of its own, its edge's connections aside.
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What all tests have written.
static ALL: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Keep;

impl Write for Keep {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        ALL.lock().unwrap().extend(bytes);
        LINES.with_borrow_mut(|lines| lines.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// From here on lines are kept.
pub(crate) fn capture() {
    static SUBSCRIBER: Once = Once::new();
    // For the whole process: a subscriber of one thread only would race with the other tests for which
    // events are enabled at all.
    SUBSCRIBER.call_once(|| {
        let format = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::TRACE);
        format.with_writer(|| Keep).init();
    });
}

/// The lines of this thread.
pub(crate) fn lines() -> String {
    LINES.with_borrow(|lines| String::from_utf8(lines.clone()).unwrap())
}

#[tokio::test]
async fn one_line_for_each_callback_and_nothing_of_what_was_sent() {
    capture();
    let rig = Rig::start(Limits::default()).await;
    let mut client = rig.connect().await;
    client.post(LOGGED, "paid CANARY").await;
    client.post(LOGGED, "forged CANARY\r\n\u{1b}[31m\u{202e}").await;
    client.post(LOGGED, "panic CANARY").await;
    rig.connect().await.post("/callback/alipay/nobody.here", "paid CANARY").await;
    rig.connect().await.post("/callback/alipay/CANARY%0A", "paid CANARY").await;
    rig.core.set(Mode::Fail);
    client.post(LOGGED, "paid 4711").await;

    let text = String::from_utf8(ALL.lock().unwrap().clone()).unwrap();
    let ours: Vec<_> = text.lines().filter(|line| line.contains("paystate_edge")).collect();
    let events: Vec<_> =
        ours.iter().filter(|line| line.contains(" callback provider=") && line.contains("account=logged")).collect();
    assert_eq!(events.len(), 4, "{events:#?}");
    for (event, parts) in events.iter().zip([
        ["DEBUG", "outcome=\"accepted\"", "reason=\"STORED\"", "bytes=11"],
        ["INFO", "outcome=\"refused\"", "reason=\"SIGNATURE_INVALID\"", "detail="],
        ["INFO", "outcome=\"unavailable\"", "reason=\"PANICKED\"", "duration_us="],
        ["INFO", "outcome=\"unavailable\"", "reason=\"CORE_FAILED\"", "detail=\"out_trade_no paid 4711\""],
    ]) {
        assert!(parts.iter().all(|part| event.contains(part)), "{event}");
    }
    let unknown = |line: &&&str| line.contains("INFO") && line.contains("account=\"nobody.here\"");
    assert_eq!(ours.iter().filter(unknown).count(), 1, "{ours:#?}");
    assert!(ours.iter().all(|line| !line.contains("CANARY") && !line.contains('\u{1b}') && !line.contains("payer")));
}
