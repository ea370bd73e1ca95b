//! Readers of the log beside the load: streams of events, on which each event is counted and timed.
//!
//! A stream begins at the head of the log, before the clock starts, and has no filter; the log has no gap. So it must
//! bring every revision up to the head at the end of the run, once. Only what is counted is decoded of a message: a
//! hundred streams bring a hundred times the load's events to a generator that shares the machine.

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use paystate_proto::v1;
use serde::Serialize;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tonic::{
    Status, Streaming,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use super::{
    options::Audience,
    stats::{Latency, count_of, float},
};

const METHOD: &str = "/paystate.v1.SubscriptionService/StreamEvents";
/// Streams of one connection.
const SHARED_BY: usize = 64;
/// Bytes that a core may send on a stream that is not read; the least that HTTP/2 begins with.
const WINDOW: u32 = 65_535;
/// After the run the events of its last callbacks may take this long to arrive.
const GRACE: Duration = Duration::from_secs(5);

/// What is read of a `StreamEventsResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct Message {
    #[prost(message, optional, tag = "1")]
    opened: Option<v1::Opened>,
    #[prost(message, optional, tag = "2")]
    batch: Option<Batch>,
    #[prost(message, optional, tag = "3")]
    progress: Option<v1::Progress>,
    #[prost(message, optional, tag = "4")]
    going_away: Option<v1::GoingAway>,
}

/// What is read of a `Batch`.
#[derive(Clone, PartialEq, prost::Message)]
struct Batch {
    #[prost(int64, tag = "2")]
    up_to_revision: i64,
    #[prost(message, repeated, tag = "3")]
    events: Vec<Event>,
}

/// What is read of an `Event`: not the order.
#[derive(Clone, PartialEq, prost::Message)]
struct Event {
    #[prost(int64, tag = "1")]
    revision: i64,
    #[prost(message, optional, tag = "8")]
    event_time: Option<prost_types::Timestamp>,
}

/// Open streams.
pub(super) struct Subscribers {
    living: JoinSet<Seen>,
    /// Held, and never read again.
    stalled: Vec<Streaming<Message>>,
    end: watch::Sender<Option<End>>,
    /// To ask for the head of the log.
    channel: Channel,
}

/// What the living streams shall still bring, and until when it is waited for.
#[derive(Debug, Clone, Copy)]
struct End {
    head: i64,
    latest: Instant,
}

/// What one stream brought.
#[derive(Debug, Default)]
struct Seen {
    /// Everything up to this revision was brought, or is counted as missing.
    at: i64,
    delivered: u64,
    missing: u64,
    repeated: u64,
    /// Microseconds.
    latencies: Vec<u32>,
    /// Why it ended before its time.
    ended: Option<String>,
}

/// What all streams of a run brought.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Deliveries {
    /// Streams that were read, and those that were not.
    pub(super) living: u64,
    pub(super) stalled: u64,
    /// Events, each once for each stream that it arrived on.
    pub(super) delivered: u64,
    pub(super) delivered_per_second: f64,
    /// Those that a stream skipped, or that had not arrived when it ended or a few seconds after the run.
    pub(super) missing: u64,
    /// Those that a stream brought twice, or too late.
    pub(super) repeated: u64,
    /// Living streams that ended before they were closed, and why the first of them did.
    pub(super) ended: u64,
    pub(super) ended_because: Option<String>,
    /// From an event's decision, which is before its commit, to its reception.
    pub(super) latency: Option<Latency>,
}

impl Subscribers {
    /// Opens all streams of an audience, spread over the cores. `None` if nobody is to listen.
    pub(super) async fn open(cores: &[SocketAddr], audience: Audience) -> Result<Option<Self>, String> {
        let Audience { living, stalled } = audience;
        if living + stalled == 0 {
            return Ok(None);
        }
        // Streams that are not read fill the window of their connection: nobody else may share it.
        let to_read = connect(cores, living).await?;
        let to_hold = connect(cores, stalled).await?;
        let channel = to_read.iter().chain(&to_hold).next().cloned().ok_or("there is no core")?;
        let (end, ending) = watch::channel(None);
        let mut subscribers = Self { living: JoinSet::new(), stalled: Vec::new(), end, channel };
        for channel in to_read.iter().cycle().take(living) {
            let (stream, at) = open(channel).await.map_err(failed)?;
            subscribers.living.spawn(read(stream, Seen { at, ..Seen::default() }, ending.clone()));
        }
        for channel in to_hold.iter().cycle().take(stalled) {
            subscribers.stalled.push(open(channel).await.map_err(failed)?.0);
        }
        Ok(Some(subscribers))
    }

    /// Waits until every living stream has brought what the log has now, for a few seconds at most, and closes all.
    /// `seconds` is how long the load lasted.
    pub(super) async fn close(mut self, seconds: f64) -> Result<Deliveries, String> {
        let (_, head) = open(&self.channel).await.map_err(failed)?;
        self.end.send_replace(Some(End { head, latest: Instant::now() + GRACE }));
        let mut all = Vec::new();
        while let Some(seen) = self.living.join_next().await {
            all.push(seen.map_err(|e| format!("a subscriber failed: {e}"))?);
        }
        Ok(Deliveries { stalled: count_of(self.stalled.len()), ..Deliveries::of(all, head, seconds) })
    }
}

fn failed(status: Status) -> String {
    format!("--subscribers: the core answered {:?}: {}", status.code(), status.message())
}

/// As many connections as so many streams need, to each core as many as to every other.
async fn connect(cores: &[SocketAddr], streams: usize) -> Result<Vec<Channel>, String> {
    let each = streams.div_ceil(cores.len().max(1)).div_ceil(SHARED_BY);
    let mut channels = Vec::new();
    for core in cores.iter().cycle().take(each * cores.len()) {
        let endpoint = Endpoint::from_shared(format!("http://{core}")).map_err(|e| e.to_string())?;
        let endpoint = endpoint.initial_stream_window_size(WINDOW);
        channels.push(endpoint.connect().await.map_err(|e| format!("cannot reach the core at {core}: {e}"))?);
    }
    Ok(channels)
}

/// Opens a stream at the head of the log, and says where that is.
async fn open(channel: &Channel) -> Result<(Streaming<Message>, i64), Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
    let position = v1::Position { at: Some(v1::position::At::Latest(true)) };
    let request = v1::StreamEventsRequest { position: Some(position), ..Default::default() };
    let codec = ProstCodec::<v1::StreamEventsRequest, Message>::default();
    let request = tonic::Request::new(request);
    let mut stream = client.server_streaming(request, PathAndQuery::from_static(METHOD), codec).await?.into_inner();
    let opened = stream.message().await?.and_then(|message| message.opened);
    let opened = opened.ok_or_else(|| Status::internal("a stream did not say where it begins"))?;
    Ok((stream, opened.after_revision))
}

/// Reads a stream to the end of the run.
async fn read(mut stream: Streaming<Message>, mut seen: Seen, mut ending: watch::Receiver<Option<End>>) -> Seen {
    while seen.ended.is_none() {
        let at = seen.at;
        tokio::select! {
            message = stream.message() => match message {
                Ok(Some(message)) => seen.message(&message, now()),
                Ok(None) => seen.ended = Some("the core ended it".to_owned()),
                Err(status) => seen.ended = Some(format!("{:?}: {}", status.code(), status.message())),
            },
            () = over(&mut ending, at) => break,
        }
    }
    seen
}

/// Returns when a stream that is at this revision need not be read any more.
async fn over(ending: &mut watch::Receiver<Option<End>>, at: i64) {
    let end = ending.wait_for(Option::is_some).await.map_or(None, |end| *end);
    if let Some(End { latest, .. }) = end.filter(|end| at < end.head) {
        sleep_until(latest).await;
    }
}

/// Microseconds since the Unix epoch.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
}

impl Seen {
    fn message(&mut self, message: &Message, now: i64) {
        if let Some(batch) = &message.batch {
            batch.events.iter().for_each(|event| self.event(event, now));
            self.up_to(batch.up_to_revision);
        }
        if let Some(progress) = &message.progress {
            self.up_to(progress.up_to_revision);
        }
        if let Some(going_away) = &message.going_away {
            self.ended = Some(format!("the core is going away: {}", going_away.reason));
        }
    }

    fn event(&mut self, event: &Event, now: i64) {
        if event.revision <= self.at {
            self.repeated += 1;
            return;
        }
        self.up_to(event.revision - 1);
        self.at = event.revision;
        self.delivered += 1;
        let decided = event.event_time.map_or(0, |t| t.seconds * 1_000_000 + i64::from(t.nanos) / 1_000);
        self.latencies.push(u32::try_from(now.saturating_sub(decided).max(0)).unwrap_or(u32::MAX));
    }

    /// Everything up to here was to be brought: what lies between never came.
    fn up_to(&mut self, revision: i64) {
        self.missing += u64::try_from(revision - self.at).unwrap_or(0);
        self.at = self.at.max(revision);
    }
}

impl Deliveries {
    fn of(all: Vec<Seen>, head: i64, seconds: f64) -> Self {
        let mut sum = Self { living: count_of(all.len()), ..Self::default() };
        let mut latencies = Vec::new();
        for mut seen in all {
            seen.up_to(head);
            sum.delivered += seen.delivered;
            sum.missing += seen.missing;
            sum.repeated += seen.repeated;
            sum.ended += u64::from(seen.ended.is_some());
            sum.ended_because = sum.ended_because.or(seen.ended);
            latencies.append(&mut seen.latencies);
        }
        sum.delivered_per_second = float(sum.delivered) / seconds;
        sum.latency = Latency::of(latencies);
        sum
    }

    /// What must not be.
    pub(super) fn faults(&self) -> impl Iterator<Item = String> {
        let why = self.ended_because.as_deref().unwrap_or_default();
        let faults = [
            (self.missing, "events are missing on streams that followed the log".to_owned()),
            (self.repeated, "events came twice, or after later ones".to_owned()),
            (self.ended, format!("streams of events ended in the run; one of them: {why}")),
        ];
        faults.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"))
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    fn batch(events: &[i64], up_to_revision: i64) -> Message {
        let event_time = Some(prost_types::Timestamp { seconds: 1, nanos: 500_000_000 });
        let events = events.iter().map(|revision| Event { revision: *revision, event_time }).collect();
        Message { batch: Some(Batch { up_to_revision, events }), ..Message::default() }
    }

    fn seen(messages: &[Message]) -> Seen {
        let mut seen = Seen { at: 10, ..Seen::default() };
        messages.iter().for_each(|message| seen.message(message, 1_502_000));
        seen
    }

    #[test]
    fn every_revision_comes_once_or_is_a_fault() {
        let sum = |messages: &[Message]| {
            let sum = Deliveries::of(vec![seen(messages)], 14, 2.0);
            (sum.delivered, sum.missing, sum.repeated, sum.faults().count())
        };
        assert_eq!(sum(&[batch(&[11, 12], 12), batch(&[13, 14], 14)]), (4, 0, 0, 0));
        assert_eq!(sum(&[batch(&[11, 12], 12), batch(&[13, 14, 15], 15)]), (5, 0, 0, 0), "more than there was");
        assert_eq!(sum(&[batch(&[11, 12], 12)]), (2, 2, 0, 1), "the end is missing");
        assert_eq!(sum(&[batch(&[11, 13], 13), batch(&[14], 14)]), (3, 1, 0, 1), "a gap within a batch");
        assert_eq!(sum(&[batch(&[11], 12), batch(&[13, 14], 14)]), (3, 1, 0, 1), "a batch that promises more");
        assert_eq!(sum(&[batch(&[11, 12], 12), batch(&[12, 13, 14], 14)]), (4, 0, 1, 1), "twice");
        let progress = v1::Progress { up_to_revision: 12, ..Default::default() };
        let progress = Message { progress: Some(progress), ..Message::default() };
        assert_eq!(sum(&[progress, batch(&[13, 14], 14)]), (2, 2, 0, 1), "a sign of life that skips");
    }

    #[test]
    fn a_stream_that_ends_is_a_fault_that_says_why() {
        let going_away = Some(v1::GoingAway { reason: "drains".into() });
        let sum = Deliveries::of(vec![seen(&[Message { going_away, ..Message::default() }])], 10, 1.0);
        assert_eq!((sum.ended, sum.missing), (1, 0));
        assert!(sum.faults().all(|fault| fault.contains("drains")) && sum.faults().count() == 1);
    }

    #[test]
    fn the_time_counts_from_the_decision() {
        assert_eq!(seen(&[batch(&[11], 11)]).latencies, [2_000]);
    }

    #[test]
    fn what_is_decoded_is_what_the_contract_says() {
        let event_time = Some(prost_types::Timestamp { seconds: 7, nanos: 9 });
        let order = Some(v1::Order { order_id: "o".into(), ..Default::default() });
        let event = v1::Event { revision: 5, event_id: "o/1".into(), event_time, order, ..Default::default() };
        let sent = v1::Batch { after_revision: 4, up_to_revision: 6, events: vec![event], resume_token: "t".into() };
        let decoded = |message| {
            let sent = v1::StreamEventsResponse { message: Some(message) };
            Message::decode(sent.encode_to_vec().as_slice()).unwrap()
        };
        use v1::stream_events_response::Message as Sent;
        let events = vec![Event { revision: 5, event_time }];
        let batch = Some(Batch { up_to_revision: 6, events });
        assert_eq!(decoded(Sent::Batch(sent)), Message { batch, ..Message::default() });
        let opened = v1::Opened { after_revision: 3, ..Default::default() };
        assert_eq!(decoded(Sent::Opened(opened.clone())).opened, Some(opened));
        let progress = v1::Progress { up_to_revision: 3, ..Default::default() };
        assert_eq!(decoded(Sent::Progress(progress.clone())).progress, Some(progress));
        let going_away = v1::GoingAway { reason: "r".into() };
        assert_eq!(decoded(Sent::GoingAway(going_away.clone())).going_away, Some(going_away));
    }
}
