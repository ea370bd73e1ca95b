//! StreamEvents and WatchOrder over real sockets.

use std::time::Duration;

use paystate_proto::v1::{
    self, Batch, Progress, StreamEventsRequest, order_service_client::OrderServiceClient, position::At,
    stream_events_response::Message, subscription_service_client::SubscriptionServiceClient,
};
use paystate_rpc::Callers;
use tokio::time::timeout;
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

use crate::rig::{PATIENCE, Rig, order, watch};

struct Clients {
    orders: OrderServiceClient<Channel>,
    events: SubscriptionServiceClient<Channel>,
}

impl Clients {
    fn of(rig: &Rig) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{}", rig.address)).unwrap();
        let channel = paystate_rpc::channel(endpoint, None);
        Self {
            orders: OrderServiceClient::new(channel.clone()),
            events: SubscriptionServiceClient::new(channel).max_decoding_message_size(8 << 20),
        }
    }

    async fn create(&mut self, names: &[&str]) {
        for name in names {
            self.orders.create_order(order(name)).await.unwrap();
        }
    }

    async fn close(&mut self, name: &str) {
        let request = v1::CloseOrderRequest { order_id: name.into(), ..Default::default() };
        self.orders.close_order(request).await.unwrap();
    }

    async fn open(&mut self, request: StreamEventsRequest) -> Result<Stream, Status> {
        self.events.stream_events(request).await.map(|answer| Stream(answer.into_inner()))
    }

    /// The reason for which a request is refused.
    async fn refused(&mut self, request: StreamEventsRequest) -> (Code, String) {
        let Err(status) = self.open(request).await else { panic!("it was not refused") };
        (status.code(), status.get_details_error_info().unwrap_or_else(|| panic!("{status:?}")).reason)
    }
}

struct Stream(Streaming<v1::StreamEventsResponse>);

impl Stream {
    async fn message(&mut self) -> Result<Option<Message>, Status> {
        let message = timeout(PATIENCE, self.0.message()).await.expect("it does not come")?;
        Ok(message.map(|m| m.message.expect("it is one of them")))
    }

    async fn opened(&mut self) -> v1::Opened {
        let Ok(Some(Message::Opened(opened))) = self.message().await else { panic!("it begins with Opened") };
        opened
    }

    async fn batch(&mut self) -> Batch {
        loop {
            match self.message().await {
                Ok(Some(Message::Batch(batch))) => return batch,
                Ok(Some(Message::Progress(_))) => {}
                other => panic!("{other:?} is no batch"),
            }
        }
    }

    /// The orders of the next events.
    async fn orders(&mut self, count: usize) -> Vec<String> {
        let mut orders = Vec::new();
        while orders.len() < count {
            orders.extend(self.batch().await.events.into_iter().map(|e| e.order_id));
        }
        orders
    }
}

fn from(at: At) -> StreamEventsRequest {
    StreamEventsRequest { position: Some(v1::Position { at: Some(at) }), ..Default::default() }
}

fn finite(request: StreamEventsRequest) -> StreamEventsRequest {
    StreamEventsRequest { stop_at_head: true, ..request }
}

fn of_kind(kind: i32, request: StreamEventsRequest) -> StreamEventsRequest {
    let filter = Some(v1::EventFilter { kinds: vec![kind], ..Default::default() });
    StreamEventsRequest { filter, ..request }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_shows_what_was_and_what_comes() {
    let rig = Rig::start(Callers::Anybody, Duration::ZERO).await;
    let mut clients = Clients::of(&rig);
    clients.create(&["o1", "o2"]).await;
    let mut stream = clients.open(StreamEventsRequest::default()).await.unwrap();
    let opened = stream.opened().await;
    assert_eq!((opened.after_revision, opened.lease.as_str()), (0, ""));
    let first = stream.batch().await;
    assert_eq!((first.after_revision, first.up_to_revision), (0, 2));
    let event = &first.events[0];
    assert_eq!((event.revision, event.kind()), (1, v1::EventKind::OrderCreated));
    assert!(event.event_id.starts_with("o1.1-"), "{event:?}");
    assert_eq!(event.order.as_ref().unwrap().order_id, "o1");
    clients.create(&["o3"]).await;
    let second = stream.batch().await;
    assert_eq!((second.after_revision, second.up_to_revision, second.events.len()), (2, 3, 1));

    let mut again = clients.open(from(At::ResumeToken(first.resume_token))).await.unwrap();
    assert_eq!((again.opened().await.after_revision, again.orders(1).await), (2, vec!["o3".to_owned()]));
    let mut later = clients.open(from(At::Latest(true))).await.unwrap();
    assert_eq!(later.opened().await.after_revision, 3);
    clients.create(&["o4"]).await;
    assert_eq!(later.orders(1).await, ["o4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finite_stream_ends_at_the_head_under_a_filter_too() {
    let rig = Rig::start(Callers::Anybody, Duration::ZERO).await;
    let mut clients = Clients::of(&rig);
    let mut empty = clients.open(finite(StreamEventsRequest::default())).await.unwrap();
    empty.opened().await;
    assert_eq!(empty.message().await.unwrap(), None);

    clients.create(&["o1", "o2"]).await;
    clients.close("o1").await;
    clients.create(&["o3"]).await;
    let closed = || of_kind(v1::EventKind::OrderClosed.into(), finite(StreamEventsRequest::default()));
    let mut stream = clients.open(closed()).await.unwrap();
    stream.opened().await;
    let batch = stream.batch().await;
    assert_eq!((batch.events.len(), batch.events[0].order_id.as_str()), (1, "o1"));
    let mut end = batch.up_to_revision;
    let mut token = batch.resume_token;
    while let Some(message) = stream.message().await.unwrap() {
        let Message::Progress(Progress { up_to_revision, resume_token }) = message else { panic!("{message:?}") };
        (end, token) = (up_to_revision, resume_token);
    }
    assert_eq!(end, 4);
    let rest = of_kind(v1::EventKind::OrderClosed.into(), finite(from(At::ResumeToken(token.clone()))));
    let mut rest = clients.open(rest).await.unwrap();
    assert_eq!(rest.opened().await.after_revision, 4);
    assert_eq!(rest.message().await.unwrap(), None);
    let changed = (Code::InvalidArgument, "RESUME_TOKEN_FILTER_CHANGED".to_owned());
    assert_eq!(clients.refused(from(At::ResumeToken(token))).await, changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused_with_a_stable_reason() {
    let rig = Rig::start(Callers::Anybody, Duration::ZERO).await;
    let mut clients = Clients::of(&rig);
    clients.create(&["o1"]).await;
    let all = StreamEventsRequest::default;
    let of_order = v1::EventFilter { order_id: "no spaces".into(), ..Default::default() };
    let to_nowhere = v1::EventFilter { to_states: vec![0], ..Default::default() };
    let time = prost_types::Timestamp { seconds: 0, nanos: -1 };
    let mut bad = vec![
        ("RESUME_TOKEN_MALFORMED", from(At::ResumeToken("x".into()))),
        ("RESUME_TOKEN_MALFORMED", from(At::ResumeToken(String::new()))),
        ("REVISION_AHEAD", from(At::AfterRevision(2))),
    ];
    let invalid = [
        from(At::AfterRevision(-1)),
        from(At::Earliest(false)),
        from(At::Latest(false)),
        from(At::Time(time)),
        of_kind(0, all()),
        of_kind(99, all()),
        StreamEventsRequest { filter: Some(of_order), ..all() },
        StreamEventsRequest { filter: Some(to_nowhere), ..all() },
    ];
    bad.extend(invalid.map(|request| ("INVALID_ARGUMENT", request)));
    for (reason, request) in bad {
        let (code, said) = clients.refused(request.clone()).await;
        assert_eq!(said, reason, "{request:?}");
        assert_eq!(code, if reason == "REVISION_AHEAD" { Code::OutOfRange } else { Code::InvalidArgument });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_log_is_refused() {
    let (here, there) =
        (Rig::start(Callers::Anybody, Duration::ZERO).await, Rig::start(Callers::Anybody, Duration::ZERO).await);
    let (mut here, mut there) = (Clients::of(&here), Clients::of(&there));
    here.create(&["o1"]).await;
    there.create(&["o1"]).await;
    let mut stream = here.open(StreamEventsRequest::default()).await.unwrap();
    stream.opened().await;
    let token = stream.batch().await.resume_token;
    let changed = (Code::FailedPrecondition, "LOG_ID_CHANGED".to_owned());
    assert_eq!(there.refused(from(At::ResumeToken(token))).await, changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_that_stops_says_so_and_ends_the_stream_well() {
    let rig = Rig::start(Callers::Anybody, Duration::ZERO).await;
    let mut clients = Clients::of(&rig);
    let mut stream = clients.open(StreamEventsRequest::default()).await.unwrap();
    stream.opened().await;
    rig.shutdown.cancel();
    let last = stream.message().await.unwrap();
    assert!(matches!(&last, Some(Message::GoingAway(why)) if !why.reason.is_empty()), "{last:?}");
    assert_eq!(stream.message().await.unwrap(), None);
    timeout(PATIENCE, rig.served).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_order_is_shown_after_each_change_and_ends_by_itself() {
    let rig = Rig::start(Callers::Anybody, Duration::ZERO).await;
    let mut clients = Clients::of(&rig);
    clients.create(&["o1", "o2"]).await;
    let mut watching = OrderServiceClient::clone(&clients.orders);
    let request = v1::WatchOrderRequest { until_cancelled: false, ..watch("o1") };
    let mut stream = watching.watch_order(request).await.unwrap().into_inner();
    let version = |answer: Option<v1::WatchOrderResponse>| answer.map(|a| a.order.unwrap().version);
    assert_eq!(version(stream.message().await.unwrap()), Some(1));
    clients.close("o2").await;
    clients.close("o1").await;
    assert_eq!(version(timeout(PATIENCE, stream.message()).await.unwrap().unwrap()), Some(2));
    assert_eq!(version(timeout(PATIENCE, stream.message()).await.unwrap().unwrap()), None);
}
