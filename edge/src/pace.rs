//! The time limits of a connection between requests.
//!
//! Contract: a connection that is not making progress ends, whatever it is waiting for. The HTTP library has
//! one timer for "idle" and "the head is arriving", and none for a peer that does not take its answer; a
//! payment platform may well idle for a minute, but its head comes in one packet. So all limits are kept
//! here, and the library's is not used: bytes read mark the start of a head, the service marks the rest.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

use crate::Limits;

/// How long before its end a stranger's tenure is announced: longer than a request takes to arrive.
const ANNOUNCED: Duration = Duration::from_millis(500);

/// What a connection is waiting for, and until when.
#[derive(Debug)]
pub(crate) struct Pace {
    limits: Arc<Limits>,
    /// Whether the peer may keep the connection.
    is_known: AtomicBool,
    /// Until when a stranger may keep it.
    tenure: Instant,
    state: Mutex<(Stage, Instant)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The first head.
    First,
    /// The next request, or the peer to take the last answer.
    Idle,
    /// The rest of a head.
    Head,
    /// Our answer.
    Answer,
}

impl Pace {
    /// A new connection must send its head at once.
    pub(crate) fn new(limits: Arc<Limits>, is_known: bool) -> Self {
        let now = Instant::now();
        let (deadline, tenure) = (now + limits.header_timeout, now + limits.stranger_tenure);
        Self { limits, is_known: AtomicBool::new(is_known), tenure, state: Mutex::new((Stage::First, deadline)) }
    }

    /// A genuine callback came over this connection.
    pub(crate) fn proven(&self) {
        self.is_known.store(true, Ordering::Relaxed);
    }

    /// Whether the first request is still on its way.
    pub(crate) fn is_new(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0 == Stage::First
    }

    /// A head has arrived; the service has limits of its own, and a little more than theirs is allowed.
    pub(crate) fn request(&self) {
        self.set(Stage::Answer, Instant::now() + self.limits.request_timeout + Duration::from_secs(1));
    }

    /// The service has answered.
    pub(crate) fn answered(&self) {
        let until = match self.is_known.load(Ordering::Relaxed) {
            true => Instant::now() + self.limits.keep_alive_idle,
            false => self.tenure.max(Instant::now() + ANNOUNCED),
        };
        self.set(Stage::Idle, until);
    }

    /// Whether a stranger has been here for as long as it may, or nearly: a peer that learns from an answer that it is
    /// the last one sends nothing more that would be lost.
    pub(crate) fn outstayed(&self) -> bool {
        !self.is_known.load(Ordering::Relaxed) && Instant::now() + ANNOUNCED >= self.tenure
    }

    /// Pending until the deadline; to be polled after the connection in the same task, because it reads the deadline
    /// each time. The deadline usually moves with each request, and a timer that fires early is cheaper than one that
    /// is set each time.
    pub(crate) fn poll_expired(&self, mut sleep: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline();
        if deadline < sleep.deadline() {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }

    /// The deadline of the current stage.
    pub(crate) fn deadline(&self) -> Instant {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    fn bytes_arrived(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 == Stage::Idle {
            *state = (Stage::Head, Instant::now() + self.limits.header_timeout);
        }
    }

    fn set(&self, stage: Stage, until: Instant) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = (stage, until);
    }
}

/// A stream that tells its [`Pace`] when bytes arrive.
#[derive(Debug)]
pub(crate) struct Paced<S> {
    pub(crate) stream: S,
    pub(crate) pace: Arc<Pace>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.pace.bytes_arrived();
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
