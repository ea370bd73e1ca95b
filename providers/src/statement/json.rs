//! Parts a JSON text into values without reading all of it.
//!
//! Contract: one value is in memory at a time, and it is bounded. Only as much of JSON is known here as it takes to see where a value
//! ends; what is inside is read, and refused, by serde.

use std::io::{self, BufRead, BufReader, Read};

/// Larger values are none of a statement; real ones have a few KiB.
const MAX_VALUE: usize = 1024 * 1024;

pub(super) struct Values<R> {
    input: BufReader<R>,
}

impl<R: Read> Values<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(64 * 1024, input) }
    }

    /// The next byte that is no blank, which stays where it is. `None` at the end.
    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        while let Some(byte) = self.head()? {
            if !byte.is_ascii_whitespace() {
                return Ok(Some(byte));
            }
            self.input.consume(1);
        }
        Ok(None)
    }

    /// Takes the next byte that is no blank, if it is this one.
    pub(super) fn take(&mut self, wanted: u8) -> io::Result<bool> {
        let there = self.peek()? == Some(wanted);
        if there {
            self.input.consume(1);
        }
        Ok(there)
    }

    /// Takes a value.
    pub(super) fn value(&mut self) -> io::Result<Vec<u8>> {
        let mut value = Vec::new();
        match self.peek()? {
            Some(b'{' | b'[') => self.nested(&mut value)?,
            Some(b'"') => self.string(&mut value)?,
            Some(_) => self.word(&mut value)?,
            None => return Err(cut_short()),
        }
        Ok(value)
    }

    fn nested(&mut self, value: &mut Vec<u8>) -> io::Result<()> {
        let mut depth = 0_u32;
        loop {
            match self.head()?.ok_or_else(cut_short)? {
                b'"' => {
                    self.string(value)?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.push(value)?;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn string(&mut self, value: &mut Vec<u8>) -> io::Result<()> {
        self.push(value)?;
        loop {
            match self.push(value)? {
                b'"' => return Ok(()),
                b'\\' => drop(self.push(value)?),
                _ => {}
            }
        }
    }

    fn word(&mut self, value: &mut Vec<u8>) -> io::Result<()> {
        while let Some(byte) = self.head()? {
            if byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'}' | b':') {
                break;
            }
            self.push(value)?;
        }
        Ok(())
    }

    fn head(&mut self) -> io::Result<Option<u8>> {
        self.input.fill_buf().map(|bytes| bytes.first().copied())
    }

    fn push(&mut self, value: &mut Vec<u8>) -> io::Result<u8> {
        let byte = self.head()?.ok_or_else(cut_short)?;
        if value.len() == MAX_VALUE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a value is larger than {MAX_VALUE} bytes"),
            ));
        }
        value.push(byte);
        self.input.consume(1);
        Ok(byte)
    }
}

fn cut_short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the JSON is cut short")
}
