//! The file under the book: append-only JSON lines, one writer.
//!
//! A line is written whole before anything acts on it. It is not synced: the sandbox has to survive
//! `kill -9`, not a power cut. A torn last line is cut off when the file is opened again.

use std::{
    fs::{File, TryLockError},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use super::Record;
use crate::{SandboxError, keyring::files};

/// The open file, locked against a second sandbox.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    /// Where the last whole line ends.
    whole: u64,
}

impl Journal {
    /// Opens or makes the file and hands every line to `replay`.
    pub(crate) fn open(path: &Path, mut replay: impl FnMut(Record)) -> Result<Self, SandboxError> {
        let mut options = files::private();
        let file = options.read(true).append(true).create(true).open(path).map_err(SandboxError::file(path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(SandboxError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(SandboxError::file(path)(error)),
        }
        let whole = read_lines(&file, path, &mut replay)?;
        file.set_len(whole).map_err(SandboxError::file(path))?;
        Ok(Self { file, path: path.to_owned(), whole })
    }

    /// Appends records in one write.
    pub(crate) fn append(&mut self, records: &[Record]) -> Result<(), SandboxError> {
        let mut lines = Vec::new();
        for record in records {
            serde_json::to_writer(&mut lines, record).map_err(|error| SandboxError::file(&self.path)(error.into()))?;
            lines.push(b'\n');
        }
        if let Err(error) = self.file.write_all(&lines) {
            // Half a line would glue itself to the next one. If the cut fails too, replay will say so.
            let _ = self.file.set_len(self.whole);
            return Err(SandboxError::file(&self.path)(error));
        }
        self.whole += length(lines.len());
        Ok(())
    }
}

/// Reads to the end; returns how many bytes are whole lines.
fn read_lines(file: &File, path: &Path, replay: &mut impl FnMut(Record)) -> Result<u64, SandboxError> {
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let mut whole = 0;
    for number in 1.. {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(SandboxError::file(path))?;
        if line.last() != Some(&b'\n') {
            // The end, or a line that a killed writer did not finish: nothing has acted on it.
            break;
        }
        let problem = |error: serde_json::Error| SandboxError::Journal { line: number, problem: error.to_string() };
        replay(serde_json::from_slice(&line).map_err(problem)?);
        whole += length(read);
    }
    Ok(whole)
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
