//! Which events a reader wants.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Event, EventKind, OrderId, State};

/// Which events a reader wants; what is empty wants all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventFilter {
    /// Only these kinds.
    pub kinds: BTreeSet<EventKind>,
    /// Only those that end in one of these states.
    pub to_states: BTreeSet<State>,
    /// Only those of this order.
    pub order_id: Option<OrderId>,
}

impl EventFilter {
    /// Whether it wants an event.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && (self.to_states.is_empty() || self.to_states.contains(&event.after.state()))
            && self.order_id.as_ref().is_none_or(|id| *id == event.after.id)
    }

    /// Eight bytes of a hash, equal for filters that want the same; kept in resume tokens, so it never changes.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 8] {
        let kinds: BTreeSet<_> = self.kinds.iter().map(|kind| kind.as_str()).collect();
        let states: BTreeSet<_> = self.to_states.iter().map(|state| state.as_str()).collect();
        let order_id = self.order_id.as_ref().map(OrderId::as_str);
        let canonical = serde_json::json!([kinds, states, order_id]).to_string();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes());
        digest.as_ref().first_chunk().copied().unwrap_or_default()
    }
}
