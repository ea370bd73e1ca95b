//! PROXY protocol, version 2: the binary header with which a proxy that passes TCP through names its caller.
//!
//! Contract: reads exactly the header and no byte of what follows. What is not a header of version 2 about a
//! TCP connection is an error, never a guess; the additional fields (TLVs) are skipped. It has no time limit of its own.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use tokio::io::{AsyncRead, AsyncReadExt};

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const HEAD: usize = 16;

/// Who the header speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The proxy itself, which checks whether we are well.
    Proxy,
    /// The proxy's caller. Normalised.
    Sender(IpAddr),
}

/// Why there is no usable header.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeaderError {
    #[error("the PROXY header did not arrive: {0}")]
    Broken(#[from] io::Error),
    #[error("no PROXY header of version 2")]
    NotVersion2,
    #[error("the PROXY header is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the PROXY header names no sender over TCP")]
    NoSender,
}

/// Reads the header of a new connection. Behind its first 16 bytes it may have `max` bytes.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin), max: usize) -> Result<Source, HeaderError> {
    let mut head = [0; HEAD];
    stream.read_exact(&mut head).await?;
    let head = Head::parse(head)?;
    if usize::from(head.length) > max {
        return Err(HeaderError::TooLarge(max));
    }
    let mut rest = vec![0; head.length.into()];
    stream.read_exact(&mut rest).await?;
    head.source(&rest)
}

/// The part whose size is fixed.
#[derive(Debug)]
struct Head {
    command: Command,
    family: u8,
    length: u16,
}

#[derive(Debug)]
enum Command {
    Local,
    Proxy,
}

impl Head {
    fn parse(bytes: [u8; HEAD]) -> Result<Self, HeaderError> {
        let [signature @ .., command, family, high, low] = bytes;
        let command = match command {
            0x20 => Command::Local,
            0x21 => Command::Proxy,
            _ => return Err(HeaderError::NotVersion2),
        };
        match signature == SIGNATURE {
            true => Ok(Self { command, family, length: u16::from_be_bytes([high, low]) }),
            false => Err(HeaderError::NotVersion2),
        }
    }

    /// Both addresses come first, the source before the destination, then both ports.
    fn source(&self, rest: &[u8]) -> Result<Source, HeaderError> {
        const TCP_OVER_IPV4: u8 = 0x11;
        const TCP_OVER_IPV6: u8 = 0x21;
        let address = match (&self.command, self.family) {
            (Command::Local, _) => return Ok(Source::Proxy),
            (Command::Proxy, TCP_OVER_IPV4) => rest.first_chunk::<12>().and_then(|a| a.first_chunk::<4>()).map(v4),
            (Command::Proxy, TCP_OVER_IPV6) => rest.first_chunk::<36>().and_then(|a| a.first_chunk::<16>()).map(v6),
            (Command::Proxy, _) => None,
        };
        address.map(|a| Source::Sender(a.to_canonical())).ok_or(HeaderError::NoSender)
    }
}

fn v4(bytes: &[u8; 4]) -> IpAddr {
    Ipv4Addr::from(*bytes).into()
}

fn v6(bytes: &[u8; 16]) -> IpAddr {
    Ipv6Addr::from(*bytes).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: usize = 300;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    /// As a proxy writes it, with `tlvs` behind the addresses.
    fn written(source: IpAddr, tlvs: &[u8]) -> Vec<u8> {
        match source {
            IpAddr::V4(v4) => header(0x21, 0x11, &[&v4.octets()[..], &[0; 8], tlvs].concat()),
            IpAddr::V6(v6) => header(0x21, 0x21, &[&v6.octets()[..], &[0; 20], tlvs].concat()),
        }
    }

    /// What is read, and what is left for TLS.
    fn read_all(bytes: &[u8]) -> (Result<Source, HeaderError>, &[u8]) {
        let mut left = bytes;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        (runtime.block_on(read(&mut left, MAX)), left)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_behind_it(
            source: IpAddr,
            tlvs in proptest::collection::vec(any::<u8>(), 0..MAX - 36),
            behind: Vec<u8>,
        ) {
            let bytes = [written(source, &tlvs), behind.clone()].concat();
            let (read, left) = read_all(&bytes);
            prop_assert_eq!(read.unwrap(), Source::Sender(source.to_canonical()));
            prop_assert_eq!(left, behind);
        }

        #[test]
        fn no_bytes_are_a_panic(bytes: Vec<u8>, command: u8, family: u8, rest: Vec<u8>) {
            let _ = read_all(&bytes);
            let _ = read_all(&header(command, family, &rest));
            for family in [0x11, 0x21] {
                let _ = read_all(&header(0x21, family, &rest));
            }
        }

        #[test]
        fn a_header_that_breaks_off_names_nobody(source: IpAddr, kept: prop::sample::Index) {
            let bytes = written(source, &[]);
            let (read, _) = read_all(&bytes[..kept.index(bytes.len())]);
            prop_assert!(matches!(read, Err(HeaderError::Broken(_))));
        }
    }

    #[test]
    fn a_proxy_may_speak_for_itself() {
        for rest in [&[][..], &[0; 12], &[7; 99]] {
            let bytes = header(0x20, 0x00, rest);
            let (read, left) = read_all(&bytes);
            assert_eq!((read.unwrap(), left.len()), (Source::Proxy, 0));
        }
    }

    #[test]
    fn ipv4_inside_ipv6_is_ipv4() {
        let bytes = written("::ffff:192.0.2.1".parse().unwrap(), &[]);
        assert_eq!(read_all(&bytes).0.unwrap(), Source::Sender([192, 0, 2, 1].into()));
    }

    #[test]
    fn whatever_else_is_refused() {
        let error = |bytes: &[u8]| read_all(bytes).0.unwrap_err();
        assert!(matches!(error(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), HeaderError::NotVersion2));
        assert!(matches!(error(&[0x16; 600]), HeaderError::NotVersion2), "TLS without a header");
        for version_and_command in [0x11, 0x22, 0x31, 0x01] {
            assert!(matches!(error(&header(version_and_command, 0x11, &[0; 12])), HeaderError::NotVersion2));
        }
        // Unspecified, UDP, UNIX sockets.
        for family in [0x00, 0x12, 0x22, 0x31] {
            assert!(matches!(error(&header(0x21, family, &[0; 216])), HeaderError::NoSender), "{family}");
        }
        assert!(matches!(error(&header(0x21, 0x11, &[0; 11])), HeaderError::NoSender));
        assert!(matches!(error(&header(0x21, 0x21, &[0; 35])), HeaderError::NoSender));
        assert!(matches!(error(&header(0x20, 0x00, &[0; MAX + 1])), HeaderError::TooLarge(MAX)));
    }
}
