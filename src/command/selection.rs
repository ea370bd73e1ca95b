//! Which events, and from where, as people write it.

use clap::Args;
use paystate_client::{
    Start,
    v1::{self, EventKind, OrderState, position::At},
};

/// Which events. A part that is left out does not narrow the choice.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only this kind, e.g. `payment_succeeded`; again for each further one.
    #[arg(long = "kind", value_name = "KIND", value_parser = kind)]
    kinds: Vec<EventKind>,
    /// Only events after which the order is in this state, e.g. `paid`; again for each further one.
    #[arg(long = "state", value_name = "STATE", value_parser = state)]
    states: Vec<OrderState>,
    /// Only this order.
    #[arg(long, value_name = "ORDER_ID")]
    order: Option<String>,
}

impl Filter {
    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.states.is_empty() && self.order.is_none()
    }
}

impl From<Filter> for v1::EventFilter {
    fn from(Filter { kinds, states, order }: Filter) -> Self {
        Self {
            kinds: kinds.into_iter().map(Into::into).collect(),
            to_states: states.into_iter().map(Into::into).collect(),
            order_id: order.unwrap_or_default(),
        }
    }
}

/// A filter in words.
pub(super) fn words(filter: Option<&v1::EventFilter>) -> String {
    let Some(filter) = filter else { return "everything".to_owned() };
    let mut parts: Vec<String> = filter.kinds().map(|kind| bare(kind.as_str_name()).to_owned()).collect();
    parts.extend(filter.to_states().map(|state| format!("to {}", bare(state.as_str_name()))));
    if !filter.order_id.is_empty() {
        parts.push(format!("order {}", filter.order_id));
    }
    if parts.is_empty() { "everything".to_owned() } else { parts.join(", ") }
}

/// A name of the contract without the prefix that all names of its kind share.
pub(super) fn bare(name: &str) -> &str {
    let prefixes = [
        "EVENT_KIND_",
        "ORDER_STATE_",
        "PAYMENT_STATE_",
        "REFUND_STATE_",
        "CASE_KIND_",
        "CASE_STATE_",
        "CASE_RESOLUTION_",
    ];
    prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name)
}

fn kind(text: &str) -> Result<EventKind, String> {
    named(text, "EVENT_KIND_", EventKind::from_str_name, |kind| kind.as_str_name())
}

fn state(text: &str) -> Result<OrderState, String> {
    named(text, "ORDER_STATE_", OrderState::from_str_name, |state| state.as_str_name())
}

/// A value of the contract by its name: in any case, with `-` or `_`, with or without the prefix.
fn named<T: TryFrom<i32>>(
    text: &str,
    prefix: &str,
    find: impl Fn(&str) -> Option<T>,
    name: impl Fn(&T) -> &'static str,
) -> Result<T, String> {
    let wanted = text.to_ascii_uppercase().replace('-', "_");
    let found = find(&format!("{prefix}{}", bare(&wanted)));
    found.filter(|value| !name(value).ends_with("_UNSPECIFIED")).ok_or_else(|| {
        let all = (1..).map_while(|number| T::try_from(number).ok());
        let all: Vec<_> = all.map(|value| bare(name(&value)).to_ascii_lowercase()).collect();
        format!("there are {}", all.join(", "))
    })
}

/// Where to begin.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Start(Start),
    Token(String),
}

impl Place {
    /// Anything that is neither a keyword nor a number nor a time is taken for a token: the core says if it is none.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let is_number = text.bytes().all(|b| b.is_ascii_digit());
        Ok(match text {
            "" => return Err("is empty; write earliest, latest, a revision, a time or a token".to_owned()),
            "earliest" => Self::Start(Start::Earliest),
            "latest" => Self::Start(Start::Latest),
            _ if is_number => Self::Start(Start::After(text.parse().map_err(|e| format!("no revision: {e}"))?)),
            _ => match text.parse::<jiff::Timestamp>() {
                Ok(time) => Self::Start(Start::Time(time.into())),
                Err(error) if text.contains([':', ' ', '+']) || text.len() < 16 => {
                    return Err(format!(
                        "is neither earliest, latest, a revision nor a token; a time is written 2026-01-31T09:00:00Z \
                         ({error})"
                    ));
                }
                Err(_) => Self::Token(text.to_owned()),
            },
        })
    }
}

impl From<Place> for v1::Position {
    fn from(place: Place) -> Self {
        match place {
            Place::Start(start) => start.into(),
            Place::Token(token) => Self { at: Some(At::ResumeToken(token)) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_as_people_write_them_and_others_are_answered_with_all_there_are() {
        for text in ["payment_succeeded", "PAYMENT-SUCCEEDED", "EVENT_KIND_PAYMENT_SUCCEEDED"] {
            assert_eq!(kind(text), Ok(EventKind::PaymentSucceeded));
        }
        assert_eq!(state("paid"), Ok(OrderState::Paid));
        let said = state("payed").unwrap_err();
        assert!(said.starts_with("there are created, pending, paid,") && said.ends_with("abnormal"), "{said}");
        for text in ["unspecified", "", "event_kind_unspecified"] {
            assert!(kind(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_place_is_a_word_a_revision_a_time_or_a_token() {
        let at = |text: &str| v1::Position::from(Place::parse(text).unwrap()).at.unwrap();
        assert_eq!(at("earliest"), At::Earliest(true));
        assert_eq!(at("latest"), At::Latest(true));
        assert_eq!(at("41"), At::AfterRevision(41));
        assert_eq!(at("2023-11-14T22:13:20Z"), At::Time(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }));
        assert_eq!(at("AAECAwQFBgcICQoLDA0ODw"), At::ResumeToken("AAECAwQFBgcICQoLDA0ODw".into()));
        for text in
            ["", "last", "-1", "2023-11-14", "2023-11-14 22:13:20", "2023-11-14T25:00:00Z", "99999999999999999999"]
        {
            assert!(Place::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_filter_is_said_in_words() {
        assert_eq!(words(Some(&v1::EventFilter::default())), "everything");
        let filter =
            Filter { kinds: vec![EventKind::RefundUpdated], states: vec![OrderState::Paid], order: Some("A1".into()) };
        assert_eq!(words(Some(&filter.into())), "REFUND_UPDATED, to PAID, order A1");
    }
}
