//! One stream of events, checked.

use std::{future::Future, time::Duration};

use paystate_proto::v1::{
    self, stream_events_response::Message, subscription_service_client::SubscriptionServiceClient,
};
use tokio::time::timeout;
use tonic::{Response, Status, Streaming};

use crate::{
    Channel,
    chain::{Chain, ChainBroken},
    error::Refusal,
};

/// A stream on which nothing comes for this long, not even Progress, is dead. Progress comes every few seconds.
const QUIET: Duration = Duration::from_secs(30);

/// A newer stream of the subscription, or an operator who moved it, has ended this one: the next has a lease of its own.
const LEASE_LOST: &str = "LEASE_LOST";

/// How a stream ends.
#[derive(Debug)]
pub(crate) enum End {
    /// Everything up to the head has come.
    Head,
    /// The way is lost, or the core wants us to come again.
    Lost(String),
    /// The core refuses, and would refuse again.
    Refused(Refusal),
    /// It does not say what it must.
    Broken(ChainBroken),
}

impl From<Status> for End {
    fn from(status: Status) -> Self {
        let refusal = Refusal::from(status);
        if refusal.may_pass() || refusal.reason == LEASE_LOST {
            Self::Lost(refusal.to_string())
        } else {
            Self::Refused(refusal)
        }
    }
}

impl From<ChainBroken> for End {
    fn from(broken: ChainBroken) -> Self {
        Self::Broken(broken)
    }
}

/// An open stream.
pub(crate) struct Events {
    stream: Streaming<v1::StreamEventsResponse>,
    chain: Chain,
    until_head: bool,
}

impl Events {
    /// Opens a stream, up to its first message.
    pub(crate) async fn open(channel: &Channel, request: v1::StreamEventsRequest) -> Result<(v1::Opened, Self), End> {
        let until_head = request.stop_at_head;
        let mut client = SubscriptionServiceClient::new(channel.clone());
        let mut stream = answer(client.stream_events(request)).await?;
        match message(&mut stream).await? {
            Some(Message::Opened(opened)) => {
                let chain = Chain::after(opened.after_revision);
                Ok((opened, Self { stream, chain, until_head }))
            }
            Some(Message::GoingAway(v1::GoingAway { reason })) => Err(End::Lost(reason)),
            Some(Message::Batch(_) | Message::Progress(_)) => {
                Err(ChainBroken::Malformed("it does not begin with Opened").into())
            }
            None => Err(End::Lost("the stream ended before it began".to_owned())),
        }
    }

    /// The next batch. Progress is a batch without events.
    pub(crate) async fn next(&mut self) -> Result<v1::Batch, End> {
        match message(&mut self.stream).await? {
            Some(Message::Batch(batch)) => {
                self.chain.extend(&batch)?;
                Ok(batch)
            }
            Some(Message::Progress(progress)) => Ok(self.chain.progress(progress)?),
            Some(Message::GoingAway(v1::GoingAway { reason })) => Err(End::Lost(reason)),
            Some(Message::Opened(_)) => Err(ChainBroken::Malformed("it says Opened twice").into()),
            None if self.until_head => Err(End::Head),
            None => Err(End::Lost("the stream ended".to_owned())),
        }
    }
}

/// The next message; none at the end of the stream. One of a kind that only a newer core knows is passed over.
async fn message(stream: &mut Streaming<v1::StreamEventsResponse>) -> Result<Option<Message>, End> {
    loop {
        match timeout(QUIET, stream.message()).await {
            Ok(Ok(Some(v1::StreamEventsResponse { message: Some(message) }))) => return Ok(Some(message)),
            Ok(Ok(Some(v1::StreamEventsResponse { message: None }))) => {}
            Ok(Ok(None)) => return Ok(None),
            Ok(Err(status)) => return Err(status.into()),
            Err(_) => return Err(quiet()),
        }
    }
}

/// The answer to one call. A core that gives none is lost, like one that says nothing on a stream.
pub(crate) async fn answer<T>(call: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, End> {
    Ok(timeout(QUIET, call).await.map_err(|_| quiet())??.into_inner())
}

fn quiet() -> End {
    End::Lost(format!("nothing came for {} s", QUIET.as_secs()))
}
