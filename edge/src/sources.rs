//! Who sent a callback, and whether the platform is known to send from there.
//!
//! Contract: an address comes from the socket, or from a proxy that the configuration trusts, never from a place where
//! anybody may write. Addresses are normalised: an IPv4 address is the same however it was transported. Allow lists are
//! a second line of defence; the signature remains the proof.

use std::{collections::BTreeMap, net::IpAddr};

use http::HeaderMap;
use paystate_providers::Provider;
use tokio::io::AsyncRead;

use crate::{
    forwarded,
    network::Networks,
    proxy_v2::{self, HeaderError, Source},
};

/// Where callbacks come from. `Default` takes the socket's address and lets everybody pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// What stands in front of the edge.
    pub front: Front,
    /// What happens to a sender outside of its platform's networks.
    pub mode: AllowMode,
    /// From where each platform sends. A platform without a list may send from everywhere.
    pub allow: BTreeMap<Provider, Networks>,
}

/// What stands in front of the edge, and so what tells the sender's address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Front {
    /// Nothing that tells addresses: the sender is whoever connects.
    #[default]
    Nothing,
    /// From these networks, proxies that pass TCP through and begin every connection with a header of PROXY
    /// protocol version 2.
    ProxyV2(Networks),
    /// From these networks, proxies that end TLS, open a new one, and add their caller to X-Forwarded-For.
    ForwardedFor(Networks),
}

/// What happens to a sender outside of its platform's networks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AllowMode {
    /// Lists are not looked at.
    #[default]
    Off,
    /// It is counted, logged within a rate, and let pass.
    Observe,
    /// It is refused before its body is read.
    Enforce,
}

impl Front {
    /// The address of a new connection: the socket's, or the one that a trusted proxy sends first, in a header of which
    /// `max` bytes may be read behind its fixed part.
    pub(crate) async fn connected(
        &self,
        socket: IpAddr,
        stream: &mut (impl AsyncRead + Unpin),
        max: usize,
    ) -> Result<IpAddr, HeaderError> {
        match self {
            Self::ProxyV2(trusted) if trusted.contains(socket) => match proxy_v2::read(stream, max).await? {
                Source::Sender(sender) => Ok(sender),
                Source::Proxy => Ok(socket),
            },
            Self::Nothing | Self::ProxyV2(_) | Self::ForwardedFor(_) => Ok(socket),
        }
    }

    /// Whether a connection carries the requests of many senders, which are known only request by request.
    pub(crate) fn is_shared(&self, connected: IpAddr) -> bool {
        match self {
            Self::ForwardedFor(trusted) => trusted.contains(connected),
            Self::Nothing | Self::ProxyV2(_) => false,
        }
    }

    /// The sender of a request on a connection; `None` if a trusted proxy does not name it readably.
    pub(crate) fn sender(&self, connected: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        match self {
            Self::ForwardedFor(trusted) => forwarded::sender(connected, trusted, headers),
            Self::Nothing | Self::ProxyV2(_) => Some(connected),
        }
    }
}

/// What the allow lists say of a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It may send, or lists are not looked at.
    Known,
    /// It is not on its platform's list, and may pass.
    Unlisted,
    /// It is not on its platform's list, and may not pass.
    Refused,
}

impl Sources {
    /// What the list of a platform says of a sender. A sender whose address is unknown is on no list.
    pub(crate) fn standing(&self, provider: Provider, sender: Option<IpAddr>) -> Standing {
        let inside = |list: &Networks| sender.is_some_and(|address| list.contains(address));
        match (self.mode, self.allow.get(&provider)) {
            (AllowMode::Off, _) | (_, None) => Standing::Known,
            (_, Some(list)) if inside(list) => Standing::Known,
            (AllowMode::Observe, Some(_)) => Standing::Unlisted,
            (AllowMode::Enforce, Some(_)) => Standing::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_speaks_for_its_platform_and_mode() {
        let list = Networks::from_iter(["203.0.113.0/24".parse().unwrap()]);
        let standing = |mode, provider, sender: Option<&str>| {
            let allow = BTreeMap::from([(Provider::Alipay, list.clone())]);
            let sources = Sources { mode, allow, ..Sources::default() };
            sources.standing(provider, sender.map(|address| address.parse().unwrap()))
        };
        let (inside, outside) = (Some("203.0.113.9"), Some("198.51.100.9"));
        for (mode, unlisted) in [
            (AllowMode::Off, Standing::Known),
            (AllowMode::Observe, Standing::Unlisted),
            (AllowMode::Enforce, Standing::Refused),
        ] {
            assert_eq!(standing(mode, Provider::Alipay, inside), Standing::Known);
            assert_eq!(standing(mode, Provider::Alipay, outside), unlisted);
            assert_eq!(standing(mode, Provider::Alipay, None), unlisted);
            assert_eq!(standing(mode, Provider::Stripe, outside), Standing::Known, "no list, no rule");
        }
    }
}
