//! The frames of PostgreSQL's wire protocol (version 3, unencrypted), as far as the proxy needs them.
//!
//! A frame is a type byte, a length that counts itself, and a body. What a client sends before and with its startup
//! message has no type byte.

/// Codes of the untyped frames that a client may send before its startup message: a wish for TLS, one for GSSAPI.
const WISHES: [u32; 2] = [80_877_103, 80_877_104];

/// Cuts what one side says into frames, wherever the network cut it before.
pub(super) struct Frames {
    typed: bool,
    rest: Vec<u8>,
}

/// A type, and a body.
type Frame = (u8, Vec<u8>);

impl Frames {
    /// What a client says, from its first byte on.
    pub(super) fn of_client() -> Self {
        Self { typed: false, rest: Vec::new() }
    }

    /// What a server says, from the beginning of a typed frame on.
    pub(super) fn of_server() -> Self {
        Self { typed: true, rest: Vec::new() }
    }

    /// Takes more bytes; answers with the typed frames that end in them.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Frame> {
        self.rest.extend_from_slice(bytes);
        let mut frames = Vec::new();
        loop {
            let head = usize::from(self.typed);
            let Some(length) = self.rest.get(head..head + 4) else { return frames };
            let end = head + usize::try_from(u32::from_be_bytes(length.try_into().unwrap())).unwrap();
            if self.rest.len() < end {
                return frames;
            }
            let frame: Vec<u8> = self.rest.drain(..end).collect();
            let body = &frame[head + 4..];
            if self.typed {
                frames.push((frame[0], body.to_vec()));
            } else {
                self.typed = !WISHES.iter().any(|wish| body == wish.to_be_bytes());
            }
        }
    }
}

/// Whether a frame of a client is a simple query that says COMMIT and no more.
pub(super) fn is_commit((kind, body): &Frame) -> bool {
    *kind == b'Q' && body.strip_suffix(b"\0").is_some_and(|text| text.eq_ignore_ascii_case(b"COMMIT"))
}

/// Whether a frame of a server ends its answer to a query.
pub(super) fn is_ready((kind, _): &Frame) -> bool {
    *kind == b'Z'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn untyped(body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&length.to_be_bytes(), body].concat()
    }

    fn typed(kind: u8, body: &[u8]) -> Vec<u8> {
        [vec![kind], untyped(body)].concat()
    }

    #[test]
    fn commits_are_found_however_the_bytes_are_cut() {
        let said = [
            untyped(&WISHES[0].to_be_bytes()),
            untyped(b"\0\x03\0\0user\0postgres\0\0"),
            typed(b'Q', b"BEGIN\0"),
            // The word in other places is not the deed.
            typed(b'P', b"\0COMMIT\0\0\0"),
            typed(b'Q', b"INSERT INTO t VALUES ('COMMIT')\0"),
            typed(b'Q', b"COMMIT\0"),
            typed(b'S', b""),
            typed(b'Q', b"commit\0"),
        ]
        .concat();
        for size in 1..=said.len() {
            let mut frames = Frames::of_client();
            let found = said.chunks(size).flat_map(|chunk| frames.push(chunk)).filter(is_commit).count();
            assert_eq!(found, 2, "in chunks of {size}");
        }
    }

    #[test]
    fn an_answer_ends_when_the_server_is_ready() {
        let mut frames = Frames::of_server();
        assert!(!frames.push(&typed(b'C', b"COMMIT\0")).iter().any(is_ready));
        assert!(frames.push(&typed(b'Z', b"I")).iter().any(is_ready));
    }
}
