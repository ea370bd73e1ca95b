//! A core in memory that plays one script for each stream that is opened.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex},
};

use hyper_util::rt::TokioIo;
use paystate_client::{Channel, v1};
use tokio::{io::DuplexStream, sync::mpsc};
use tokio_stream::{Stream, StreamExt as _, wrappers::UnboundedReceiverStream};
use tonic::{
    Code, Request, Response, Status,
    transport::{Endpoint, Server},
};
use tonic_types::{ErrorDetails, StatusExt as _};
use v1::{
    stream_events_response::Message,
    subscription_service_server::{SubscriptionService, SubscriptionServiceServer},
};

/// What happens next on a stream.
#[derive(Clone)]
pub(crate) enum Step {
    Say(Message),
    /// A message of a kind that only a newer core knows.
    Unknown,
    Fail(Status),
    /// Nothing comes any more.
    Silence,
    /// It ends well.
    End,
}

pub(crate) fn opened_of(log_id: &str, after_revision: i64) -> Step {
    let log_id = log_id.to_owned();
    Step::Say(Message::Opened(v1::Opened { log_id, after_revision, lease: String::new() }))
}

pub(crate) fn opened(after_revision: i64) -> Step {
    opened_of("log-1", after_revision)
}

pub(crate) fn opened_with_lease(after_revision: i64, lease: &str) -> Step {
    let log_id = "log-1".to_owned();
    Step::Say(Message::Opened(v1::Opened { log_id, after_revision, lease: lease.to_owned() }))
}

pub(crate) fn batch(after_revision: i64, revisions: &[i64], up_to_revision: i64, token: &str) -> Step {
    let event = |revision: &i64| {
        let event_id = format!("event-{revision}");
        v1::Event { revision: *revision, event_id, ..Default::default() }
    };
    let events = revisions.iter().map(event).collect();
    Step::Say(Message::Batch(v1::Batch { after_revision, up_to_revision, events, resume_token: token.to_owned() }))
}

pub(crate) fn progress(up_to_revision: i64, token: &str) -> Step {
    Step::Say(Message::Progress(v1::Progress { up_to_revision, resume_token: token.to_owned() }))
}

pub(crate) fn going_away() -> Step {
    Step::Say(Message::GoingAway(v1::GoingAway { reason: "draining".to_owned() }))
}

pub(crate) fn refusal(code: Code, reason: &str) -> Status {
    let mut details = ErrorDetails::new();
    let metadata = HashMap::from([("oldest_revision".to_owned(), "7".to_owned())]);
    details.set_error_info(reason, "paystate", metadata);
    Status::with_error_details(code, "as the script says", details)
}

#[derive(Default)]
struct State {
    scripts: VecDeque<Vec<Step>>,
    asked: Vec<v1::StreamEventsRequest>,
    confirmed: Vec<String>,
}

/// A running core.
pub(crate) struct Core {
    state: Arc<Mutex<State>>,
    connections: mpsc::UnboundedSender<DuplexStream>,
}

impl Core {
    /// Plays one script a stream. More streams than scripts are a fault of the test.
    pub(crate) fn start(scripts: impl IntoIterator<Item = Vec<Step>>) -> Self {
        let state = Arc::new(Mutex::new(State { scripts: scripts.into_iter().collect(), ..Default::default() }));
        let (connections, incoming) = mpsc::unbounded_channel();
        let service = SubscriptionServiceServer::new(Service(state.clone()));
        let incoming = UnboundedReceiverStream::new(incoming).map(Ok::<_, std::io::Error>);
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        Self { state, connections }
    }

    pub(crate) fn channel(&self) -> Channel {
        let connections = self.connections.clone();
        let connect = tower::service_fn(move |_| {
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            let sent = connections.send(theirs).map_err(|_| std::io::Error::other("the core is gone"));
            std::future::ready(sent.map(|()| TokioIo::new(ours)))
        });
        Endpoint::from_static("http://core").connect_with_connector_lazy(connect).into()
    }

    /// The streams that were asked for.
    pub(crate) fn asked(&self) -> Vec<v1::StreamEventsRequest> {
        self.state.lock().unwrap().asked.clone()
    }

    /// What was acknowledged and parked, with the lease.
    pub(crate) fn confirmed(&self) -> Vec<String> {
        self.state.lock().unwrap().confirmed.clone()
    }
}

struct Service(Arc<Mutex<State>>);

/// Methods that no follower calls.
macro_rules! never_called {
    ($($method:ident($request:ident) -> $response:ident;)*) => {$(
        fn $method<'a, 'b>(
            &'a self,
            _: Request<v1::$request>,
        ) -> Pin<Box<dyn Future<Output = Result<Response<v1::$response>, Status>> + Send + 'b>>
        where
            'a: 'b,
            Self: 'b,
        {
            panic!("{} is not for followers", stringify!($method))
        }
    )*};
}

type Replies = Pin<Box<dyn Stream<Item = Result<v1::StreamEventsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl SubscriptionService for Service {
    type StreamEventsStream = Replies;

    never_called! {
        create_subscription(CreateSubscriptionRequest) -> CreateSubscriptionResponse;
        get_subscription(GetSubscriptionRequest) -> GetSubscriptionResponse;
        list_subscriptions(ListSubscriptionsRequest) -> ListSubscriptionsResponse;
        update_subscription(UpdateSubscriptionRequest) -> UpdateSubscriptionResponse;
        delete_subscription(DeleteSubscriptionRequest) -> DeleteSubscriptionResponse;
        seek_subscription(SeekSubscriptionRequest) -> SeekSubscriptionResponse;
        list_parked(ListParkedRequest) -> ListParkedResponse;
        redrive(RedriveRequest) -> RedriveResponse;
    }

    async fn stream_events(&self, request: Request<v1::StreamEventsRequest>) -> Result<Response<Replies>, Status> {
        let mut state = self.0.lock().unwrap();
        state.asked.push(request.into_inner());
        let mut script = state.scripts.pop_front().expect("a script for this stream");
        if let [Step::Fail(status), ..] = script.as_slice() {
            return Err(status.clone());
        }
        let silent = matches!(script.last(), Some(Step::Silence));
        script.retain(|step| !matches!(step, Step::Silence | Step::End));
        let steps = tokio_stream::iter(script).map(|step| match step {
            Step::Say(message) => Ok(v1::StreamEventsResponse { message: Some(message) }),
            Step::Unknown => Ok(v1::StreamEventsResponse { message: None }),
            Step::Fail(status) => Err(status),
            Step::Silence | Step::End => unreachable!("not played"),
        });
        Ok(Response::new(if silent { Box::pin(steps.chain(tokio_stream::pending())) } else { Box::pin(steps) }))
    }

    async fn acknowledge(
        &self,
        request: Request<v1::AcknowledgeRequest>,
    ) -> Result<Response<v1::AcknowledgeResponse>, Status> {
        let v1::AcknowledgeRequest { lease, up_to_revision, .. } = request.into_inner();
        match lease.as_str() {
            "stale" => return Err(refusal(Code::FailedPrecondition, "LEASE_LOST")),
            "silent" => std::future::pending().await,
            "ahead" => return Err(refusal(Code::FailedPrecondition, "ACKNOWLEDGE_AHEAD")),
            _ => self.0.lock().unwrap().confirmed.push(format!("{lease}: {up_to_revision}")),
        }
        Ok(Response::new(v1::AcknowledgeResponse { acknowledged_revision: up_to_revision }))
    }

    async fn park(&self, request: Request<v1::ParkRequest>) -> Result<Response<v1::ParkResponse>, Status> {
        let v1::ParkRequest { lease, event_id, reason, .. } = request.into_inner();
        if lease == "silent" {
            std::future::pending().await
        }
        self.0.lock().unwrap().confirmed.push(format!("{lease}: parked {event_id}, {reason}"));
        Ok(Response::new(v1::ParkResponse {}))
    }
}
