//! Plain bytes of a statement that may be gzipped, with the hash that was announced for them.
//!
//! Contract: the bytes end well only if their SHA-1 is the announced one; and they end, however well they were packed.

use std::io::{self, BufRead, BufReader, Read};

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use flate2::bufread::MultiGzDecoder;

use super::MAX_PLAIN;

const GZIP: [u8; 2] = [0x1f, 0x8b];

pub(super) struct Plain<R> {
    bytes: Bytes<R>,
    left: u64,
    hash: Context,
    announced: Option<String>,
}

enum Bytes<R> {
    AsTheyAre(BufReader<R>),
    Gzipped(Box<MultiGzDecoder<BufReader<R>>>),
}

impl<R: Read> Plain<R> {
    /// Looks at the first bytes to tell whether they are gzipped.
    pub(super) fn open(input: R, announced: Option<String>) -> io::Result<Self> {
        let mut input = BufReader::new(input);
        let bytes = if input.fill_buf()?.starts_with(&GZIP) {
            Bytes::Gzipped(Box::new(MultiGzDecoder::new(input)))
        } else {
            Bytes::AsTheyAre(input)
        };
        Ok(Self { bytes, left: MAX_PLAIN, hash: Context::new(&SHA1_FOR_LEGACY_USE_ONLY), announced })
    }

    fn check_hash(&self) -> io::Result<()> {
        let hash = hex::encode(self.hash.clone().finish());
        match &self.announced {
            Some(announced) if !announced.eq_ignore_ascii_case(&hash) => {
                Err(damage(format!("its SHA-1 is {hash}, but the platform announced {announced}")))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl<R: Read> Read for Plain<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.bytes {
            Bytes::AsTheyAre(input) => input.read(buffer)?,
            Bytes::Gzipped(decoder) => decoder.read(buffer)?,
        };
        self.hash.update(&buffer[..read]);
        let left = self.left.checked_sub(read as u64);
        self.left = left.ok_or_else(|| damage(format!("it unpacks to more than {MAX_PLAIN} bytes")))?;
        if read == 0 && !buffer.is_empty() {
            self.check_hash()?;
        }
        Ok(read)
    }
}

fn damage(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
