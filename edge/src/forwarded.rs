//! X-Forwarded-For: which of its addresses can be believed. Pure.
//!
//! Contract: each proxy adds the address of its caller on the right, and anybody may have written what is left of that.
//! So the chain is walked from our end, from each trusted proxy to its caller, and ends at the first address that is
//! not a trusted proxy: nothing left of it is believed.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;

use crate::network::Networks;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The sender of the request that `connected` brought, normalised; `None` if a trusted proxy names an address that
/// cannot be read.
pub(crate) fn sender(connected: IpAddr, trusted: &Networks, headers: &HeaderMap) -> Option<IpAddr> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let mut hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    let mut sender = connected;
    while trusted.contains(sender) {
        match hops.next() {
            Some(hop) => sender = address(hop)?,
            // A proxy that forwards for nobody speaks for itself.
            None => break,
        }
    }
    Some(sender)
}

/// `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:443`.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop.trim_ascii()).ok()?;
    let bare = || hop.parse::<IpAddr>().ok();
    let with_port = || hop.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let in_brackets = || hop.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::from);
    bare().or_else(with_port).or_else(in_brackets).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn sender_of(connected: &str, lines: &[&[u8]]) -> Option<IpAddr> {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|n| n.parse().unwrap()).into_iter().collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(line).unwrap());
        }
        sender(connected.parse().unwrap(), &trusted, &headers)
    }

    #[track_caller]
    fn assert_sender(connected: &str, lines: &[&str], expected: &str) {
        let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
        assert_eq!(sender_of(connected, &lines), Some(expected.parse().unwrap()));
    }

    #[test]
    fn the_right_most_that_is_not_trusted() {
        assert_sender(PROXY, &["192.0.2.1"], "192.0.2.1");
        assert_sender(PROXY, &["198.51.100.9, 192.0.2.1"], "192.0.2.1");
        assert_sender(PROXY, &["198.51.100.9, 192.0.2.1, 10.0.0.2,10.0.0.3"], "192.0.2.1");
        assert_sender(PROXY, &["198.51.100.9", "192.0.2.1, 10.0.0.2", "\t10.0.0.3 "], "192.0.2.1");
        assert_sender(PROXY, &["garbage, 192.0.2.1"], "192.0.2.1");
        assert_sender("fd00::1", &["2001:db8::1, fd00::2"], "2001:db8::1");
    }

    #[test]
    fn nobody_else_is_believed() {
        assert_sender("192.0.2.66", &["198.51.100.9"], "192.0.2.66");
        assert_sender("192.0.2.66", &["garbage"], "192.0.2.66");
    }

    #[test]
    fn a_chain_of_proxies_alone_ends_at_its_first_one() {
        assert_sender(PROXY, &[], PROXY);
        assert_sender(PROXY, &["10.0.0.9, 10.0.0.2"], "10.0.0.9");
    }

    #[test]
    fn all_spellings_of_an_address() {
        assert_sender(PROXY, &["192.0.2.1:65535"], "192.0.2.1");
        for v6 in ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443", "2001:DB8:0::1"] {
            assert_sender(PROXY, &[v6], "2001:db8::1");
        }
        assert_sender(PROXY, &["192.0.2.1, ::ffff:10.0.0.2"], "192.0.2.1");
        assert_sender(PROXY, &["[::ffff:192.0.2.1]:1"], "192.0.2.1");
    }

    #[test]
    fn what_cannot_be_read_names_nobody() {
        for hop in [
            "",
            " ",
            "unknown",
            "_hidden",
            "-",
            "192.0.2.1,",
            "192.0.2",
            "192.0.2.1:x",
            "192.0.2.1:65536",
            "[192.0.2.1]",
            "[2001:db8::1",
            "2001:db8::1]",
            "for=192.0.2.1",
            "\"192.0.2.1\"",
            "192.0.2.1 192.0.2.2",
            "192.0.2.1, unknown, 10.0.0.2",
            "0300.0.2.1",
            "192.0.2.1;",
            "fe80::1%eth0",
        ] {
            assert_eq!(sender_of(PROXY, &[hop.as_bytes()]), None, "{hop:?}");
        }
        assert_eq!(sender_of(PROXY, &[b"192.0.2.1\xff"]), None);
    }

    proptest! {
        /// Whatever a sender writes to the left, and however its proxy writes its address.
        #[test]
        fn what_stands_left_of_the_sender_changes_nothing(
            forged in "[ -~]{0,40}", v4: std::net::Ipv4Addr, port: Option<u16>, own_line: bool,
        ) {
            prop_assume!(v4.octets()[0] != 10);
            let hop = port.map_or(v4.to_string(), |port| format!("{v4}:{port}"));
            let joined = format!("{forged},{hop}");
            let lines = if own_line { vec![forged.as_bytes(), hop.as_bytes()] } else { vec![joined.as_bytes()] };
            prop_assert_eq!(sender_of(PROXY, &lines), Some(IpAddr::V4(v4)));
        }

        #[test]
        fn no_header_is_a_panic(lines in proptest::collection::vec("[0-9a-f.,:\\[\\] x]{0,40}", 0..4)) {
            let _ = sender_of(PROXY, &lines.iter().map(|line| line.as_bytes()).collect::<Vec<_>>());
        }
    }
}
