//! `paystate subscription`: durable subscriptions, for operators.

use clap::{Args, Subcommand};
use paystate_client::{
    Channel,
    v1::{self, subscription_service_client::SubscriptionServiceClient},
};

use super::{
    remote::{Remote, failed, json, table, time},
    say,
    selection::{Filter, Place, bare, words},
};

/// Parked events and subscriptions are read in pages of so many.
const PAGE: i32 = 500;

type Client = SubscriptionServiceClient<Channel>;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    remote: Remote,
    /// Prints messages of the contract as JSON, one a line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Creates a subscription.
    Create {
        /// Its name: 1 to 64 characters of a-z 0-9 -
        name: String,
        #[command(flatten)]
        filter: Filter,
        /// Where it begins: `earliest`, `latest`, the revision after which, a time (2026-01-31T09:00:00Z), or a token.
        #[arg(long, value_name = "PLACE", default_value = "earliest", value_parser = Place::parse)]
        from: Place,
        /// After so many failed deliveries an event is parked; 0 for never.
        #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
        max_attempts: i32,
    },
    /// Lists all subscriptions, with what is waiting for them.
    List,
    /// Shows a subscription, with what is waiting for it.
    Get {
        /// The subscription's name.
        name: String,
    },
    /// Changes what is given, and leaves the rest. A filter replaces the previous one as a whole.
    Update {
        /// The subscription's name.
        name: String,
        #[command(flatten)]
        filter: Filter,
        /// Removes the filter: everything is delivered.
        #[arg(long)]
        no_filter: bool,
        /// After so many failed deliveries an event is parked; 0 for never.
        #[arg(long, value_name = "N", allow_negative_numbers = true)]
        max_attempts: Option<i32>,
    },
    /// Removes a subscription, its position and its parked events.
    Delete {
        /// The subscription's name.
        name: String,
    },
    /// Moves a subscription: everything after the place is delivered, even if it was confirmed before.
    Seek {
        /// The subscription's name.
        name: String,
        /// `earliest`, `latest`, the revision after which, a time (2026-01-31T09:00:00Z), or a token.
        #[arg(long, value_name = "PLACE", value_parser = Place::parse)]
        to: Place,
    },
    /// Lists the events that were put aside, and why: parked ones, and later ones of their orders.
    Parked {
        /// The subscription's name.
        name: String,
    },
    /// Delivers parked events again.
    Redrive {
        /// The subscription's name.
        name: String,
        /// Which events, by the ids that `parked` shows.
        #[arg(value_name = "EVENT_ID", required_unless_present = "all", conflicts_with = "all")]
        event_ids: Vec<String>,
        /// All of them.
        #[arg(long)]
        all: bool,
    },
}

pub(super) async fn run(options: Options) -> Result<(), String> {
    let Options { remote, json, command } = options;
    let client = SubscriptionServiceClient::new(remote.open().await?);
    let answer = match command {
        Command::Create { name, filter, from, max_attempts } => create(client, name, filter, from, max_attempts).await,
        Command::List => list(client).await,
        Command::Get { name } => get(client, name).await.map(Answer::One),
        Command::Update { name, filter, no_filter, max_attempts } => {
            update(client, name, filter, no_filter, max_attempts).await
        }
        Command::Delete { name } => delete(client, name).await,
        Command::Seek { name, to } => seek(client, name, to).await,
        Command::Parked { name } => parked(client, name).await,
        Command::Redrive { name, event_ids, .. } => redrive(client, name, event_ids).await,
    };
    say(&if json { answer?.json()? } else { answer?.text() });
    Ok(())
}

/// What a command prints.
enum Answer {
    One(v1::Subscription),
    All(Vec<v1::Subscription>),
    Parked(Vec<v1::ParkedEvent>),
    Redriven(v1::RedriveResponse),
    Deleted(String),
}

impl Answer {
    fn text(&self) -> String {
        match self {
            Self::One(one) => one_text(one),
            Self::All(all) if all.is_empty() => "There is no subscription.".to_owned(),
            Self::All(all) => {
                let headings = ["NAME", "CONFIRMED", "BACKLOG", "OLDEST", "PARKED", "FILTER"];
                table(&headings, &all.iter().map(row).collect::<Vec<_>>())
            }
            Self::Parked(parked) if parked.is_empty() => "Nothing is parked.".to_owned(),
            Self::Parked(parked) => {
                let headings = ["EVENT_ID", "REVISION", "ORDER", "KIND", "ATTEMPTS", "PARKED", "REASON"];
                table(&headings, &parked.iter().map(parked_row).collect::<Vec<_>>())
            }
            Self::Redriven(v1::RedriveResponse { redriven_count, dropped_event_ids: gone }) if gone.is_empty() => {
                format!("{redriven_count} will be delivered again")
            }
            Self::Redriven(v1::RedriveResponse { redriven_count, dropped_event_ids }) => {
                let gone = dropped_event_ids.join(", ");
                format!("{redriven_count} will be delivered again; retention has dropped {gone}")
            }
            Self::Deleted(name) => format!("{name} is deleted"),
        }
    }

    fn json(&self) -> Result<String, String> {
        let lines = match self {
            Self::One(one) => vec![json("Subscription", one)?],
            Self::All(all) => all.iter().map(|one| json("Subscription", one)).collect::<Result<_, _>>()?,
            Self::Parked(parked) => parked.iter().map(|one| json("ParkedEvent", one)).collect::<Result<_, _>>()?,
            Self::Redriven(response) => vec![json("RedriveResponse", response)?],
            Self::Deleted(_) => vec![json("DeleteSubscriptionResponse", &v1::DeleteSubscriptionResponse {})?],
        };
        Ok(lines.join("\n"))
    }
}

/// One subscription, a line for each thing that is known of it.
fn one_text(s: &v1::Subscription) -> String {
    let attempts = match s.max_attempts {
        0 => "never by themselves".to_owned(),
        n => format!("after {n} failed deliveries"),
    };
    let waits = match s.backlog_count {
        0 => "nothing".to_owned(),
        n => format!("{n}, the oldest for {}", age(s)),
    };
    let lines = [
        ("name", s.name.clone()),
        ("filter", words(s.filter.as_ref())),
        ("confirmed", format!("up to revision {}", s.acknowledged_revision)),
        ("waiting", waits),
        ("parked", s.parked_count.to_string()),
        ("events are parked", attempts),
        ("created", time(s.create_time.as_ref())),
    ];
    lines.map(|(what, is)| format!("{what:<18} {is}")).join("\n")
}

fn row(s: &v1::Subscription) -> Vec<String> {
    let confirmed = s.acknowledged_revision.to_string();
    let (backlog, parked) = (s.backlog_count.to_string(), s.parked_count.to_string());
    vec![s.name.clone(), confirmed, backlog, age(s), parked, words(s.filter.as_ref())]
}

fn age(s: &v1::Subscription) -> String {
    let age = s.backlog_age.map(|age| jiff::SignedDuration::from_secs(age.seconds));
    age.filter(|_| s.backlog_count > 0).map(|age| format!("{age:#}")).unwrap_or_default()
}

fn parked_row(parked: &v1::ParkedEvent) -> Vec<String> {
    let event = parked.event.clone().unwrap_or_default();
    let kind = bare(event.kind().as_str_name()).to_owned();
    let (revision, attempts) = (event.revision.to_string(), parked.attempts.to_string());
    let at = time(parked.park_time.as_ref());
    vec![event.event_id, revision, event.order_id, kind, attempts, at, parked.reason.clone()]
}

async fn get(mut client: Client, name: String) -> Result<v1::Subscription, String> {
    let response = client.get_subscription(v1::GetSubscriptionRequest { name }).await.map_err(failed)?;
    response.into_inner().subscription.ok_or_else(nothing)
}

async fn create(
    mut client: Client,
    name: String,
    filter: Filter,
    from: Place,
    max_attempts: i32,
) -> Result<Answer, String> {
    let (filter, position) = (Some(filter.into()), Some(from.into()));
    let request = v1::CreateSubscriptionRequest { name, filter, position, max_attempts, ..Default::default() };
    let response = client.create_subscription(request).await.map_err(failed)?;
    response.into_inner().subscription.map(Answer::One).ok_or_else(nothing)
}

async fn list(mut client: Client) -> Result<Answer, String> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListSubscriptionsRequest { page_size: PAGE, page_token };
        let page = client.list_subscriptions(request).await.map_err(failed)?.into_inner();
        all.extend(page.subscriptions);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(Answer::All(all));
        }
    }
}

async fn update(
    mut client: Client,
    name: String,
    filter: Filter,
    no_filter: bool,
    max_attempts: Option<i32>,
) -> Result<Answer, String> {
    if no_filter && !filter.is_empty() {
        return Err("--no-filter contradicts --kind, --state and --order; leave one of them out".to_owned());
    }
    if filter.is_empty() && !no_filter && max_attempts.is_none() {
        return Err("nothing to change; give --kind, --state, --order, --no-filter or --max-attempts".to_owned());
    }
    let filter = (no_filter || !filter.is_empty()).then(|| filter.into());
    let request = v1::UpdateSubscriptionRequest { name, filter, max_attempts };
    let response = client.update_subscription(request).await.map_err(failed)?;
    response.into_inner().subscription.map(Answer::One).ok_or_else(nothing)
}

async fn delete(mut client: Client, name: String) -> Result<Answer, String> {
    client.delete_subscription(v1::DeleteSubscriptionRequest { name: name.clone() }).await.map_err(failed)?;
    Ok(Answer::Deleted(name))
}

async fn seek(mut client: Client, name: String, to: Place) -> Result<Answer, String> {
    let request = v1::SeekSubscriptionRequest { name, position: Some(to.into()) };
    let response = client.seek_subscription(request).await.map_err(failed)?;
    response.into_inner().subscription.map(Answer::One).ok_or_else(nothing)
}

async fn parked(mut client: Client, subscription: String) -> Result<Answer, String> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListParkedRequest { subscription: subscription.clone(), page_size: PAGE, page_token };
        let page = client.list_parked(request).await.map_err(failed)?.into_inner();
        all.extend(page.parked_events);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(Answer::Parked(all));
        }
    }
}

async fn redrive(mut client: Client, subscription: String, event_ids: Vec<String>) -> Result<Answer, String> {
    let response = client.redrive(v1::RedriveRequest { subscription, event_ids }).await.map_err(failed)?;
    Ok(Answer::Redriven(response.into_inner()))
}

fn nothing() -> String {
    "the core answered without a subscription, which is a fault of it".to_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn attempts_below_zero_are_for_the_core_to_refuse() {
        let line = Line::try_parse_from(["subscription", "create", "mails", "--max-attempts", "-1"]).unwrap();
        assert!(matches!(line.options.command, Command::Create { max_attempts: -1, .. }), "{line:?}");
        let line = Line::try_parse_from(["subscription", "update", "mails", "--max-attempts", "-1"]).unwrap();
        assert!(matches!(line.options.command, Command::Update { max_attempts: Some(-1), .. }), "{line:?}");
    }
}
