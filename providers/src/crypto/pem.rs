//! PEM: text to DER, strict about the block, tolerant about line ends and text around it.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::KeyError;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// One PEM block, not yet decoded, so that its label can be judged first.
pub(super) struct Block<'a> {
    /// What stands between `BEGIN ` and the dashes.
    pub(super) label: &'a str,
    body: &'a str,
}

impl Block<'_> {
    pub(super) fn der(&self) -> Result<Vec<u8>, KeyError> {
        let packed: String = self.body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        STANDARD.decode(packed).map_err(|_| KeyError::DamagedPem)
    }
}

/// The first block of `text` and what follows it; `None` when there is no `BEGIN` line.
pub(super) fn first(text: &str) -> Option<Result<(Block<'_>, &str), KeyError>> {
    let (_, after) = text.split_once(BEGIN)?;
    Some(block(after))
}

fn block(after_begin: &str) -> Result<(Block<'_>, &str), KeyError> {
    if after_begin.contains("\\n") {
        return Err(KeyError::EscapedLineBreaks);
    }
    let (label, rest) = after_begin.split_once(DASHES).ok_or(KeyError::DamagedPem)?;
    let (body, rest) = rest.split_once(END).ok_or(KeyError::DamagedPem)?;
    let rest = rest.strip_prefix(label).and_then(|r| r.strip_prefix(DASHES)).ok_or(KeyError::DamagedPem)?;
    Ok((Block { label, body }, rest))
}
