//! A core that stores in memory and misbehaves on demand.

use std::time::Duration;

use paystate_proto::v1::{
    RecordObservationsRequest, RecordObservationsResponse, RecordOutcome, RecordRejectionsRequest,
    RecordRejectionsResponse, RecordResult, RejectedCallback, VerifiedMessage,
    ingest_service_server::{IngestService, IngestServiceServer},
};
use tokio::{net::TcpListener, sync::watch, time::timeout};
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};

/// What the core does with the messages of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Answer(RecordOutcome),
    /// Answers only once the mode has changed.
    Hold,
    Fail,
    Panic,
    /// One answer too few.
    Short,
}

pub(crate) const STORE: Mode = Mode::Answer(RecordOutcome::Stored);

/// What the core was told.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) calls: Vec<usize>,
    pub(crate) messages: Vec<VerifiedMessage>,
    pub(crate) rejections: Vec<RejectedCallback>,
    pub(crate) suppressed: i64,
    /// Accounts of each call.
    pub(crate) shed: Vec<Vec<String>>,
    /// Calls about rejections that failed on demand.
    pub(crate) failed: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Core {
    mode: watch::Sender<Mode>,
    /// Whether calls about rejections fail, whatever the mode.
    rejecting: watch::Sender<bool>,
    seen: watch::Sender<Seen>,
}

impl Core {
    pub(crate) async fn start() -> (Self, Channel) {
        let core = Self {
            mode: watch::Sender::new(STORE),
            rejecting: watch::Sender::new(false),
            seen: watch::Sender::new(Seen::default()),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = IngestServiceServer::new(core.clone());
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
        (core, channel(&address.to_string()))
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Lets calls about rejections fail, or not any more.
    pub(crate) fn set_rejecting(&self, rejecting: bool) {
        self.rejecting.send_replace(rejecting);
    }

    /// Waits until the core was told `what`.
    pub(crate) async fn until(&self, what: impl FnMut(&Seen) -> bool) -> watch::Ref<'_, Seen> {
        let mut seen = self.seen.subscribe();
        timeout(Duration::from_secs(20), seen.wait_for(what)).await.expect("the core was not told in time").unwrap();
        self.seen.borrow()
    }

    pub(crate) fn look<T>(&self, at: impl FnOnce(&Seen) -> T) -> T {
        at(&self.seen.borrow())
    }
}

pub(crate) fn channel(address: &str) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

#[tonic::async_trait]
impl IngestService for Core {
    async fn record_observations(
        &self,
        request: Request<RecordObservationsRequest>,
    ) -> Result<Response<RecordObservationsResponse>, Status> {
        let messages = request.into_inner().messages;
        let count = messages.len();
        self.seen.send_modify(|seen| {
            seen.calls.push(count);
            seen.messages.extend(messages);
        });
        let mode = *self.mode.subscribe().wait_for(|mode| *mode != Mode::Hold).await.unwrap();
        let (outcome, count) = match mode {
            Mode::Answer(outcome) => (outcome, count),
            Mode::Short => (RecordOutcome::Stored, count - 1),
            Mode::Fail => return Err(Status::internal("on demand")),
            Mode::Panic | Mode::Hold => panic!("on demand"),
        };
        let result = RecordResult { outcome: outcome.into(), ..Default::default() };
        Ok(Response::new(RecordObservationsResponse { results: vec![result; count] }))
    }

    async fn record_rejections(
        &self,
        request: Request<RecordRejectionsRequest>,
    ) -> Result<Response<RecordRejectionsResponse>, Status> {
        let RecordRejectionsRequest { rejections, suppressed_count, shed_accounts } = request.into_inner();
        assert!(rejections.len() <= 256 && rejections.len() + shed_accounts.len() > 0);
        if *self.mode.borrow() == Mode::Fail || *self.rejecting.borrow() {
            self.seen.send_modify(|seen| seen.failed += 1);
            return Err(Status::internal("on demand"));
        }
        self.seen.send_modify(|seen| {
            seen.rejections.extend(rejections);
            seen.suppressed += suppressed_count;
            seen.shed.extend((!shed_accounts.is_empty()).then_some(shed_accounts));
        });
        Ok(Response::new(RecordRejectionsResponse {}))
    }
}
