//! A ZIP of statements, from hostile hands if need be.
//!
//! Contract: members are read as streams, one after the other. Names are only compared and shown: nothing is ever unpacked to
//! a path. A member's bytes end well only if their count and CRC are those of the directory, and a member that says that it is larger than a
//! statement may be is refused unread.

use std::io::{self, Read, Seek, SeekFrom, Take};

use encoding_rs::GBK;
use flate2::{Crc, read::DeflateDecoder};
use zip::{CompressionMethod, ZipArchive, result::ZipError};

use super::{MAX_PLAIN, Place, StatementError};

/// Real archives have two or three members.
const MAX_MEMBERS: usize = 64;

pub(super) struct Archive<R> {
    input: R,
    pub(super) entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    start: u64,
    packed: u64,
    plain: u64,
    crc: u32,
    method: CompressionMethod,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory, which stands at the end: a file that is cut short has none.
    pub(super) fn open(input: R) -> Result<Self, StatementError> {
        let mut zip = ZipArchive::new(input).map_err(refused)?;
        if zip.len() > MAX_MEMBERS {
            let problem = format!("the archive has {} files, more than {MAX_MEMBERS}", zip.len());
            return Err(StatementError::other(Place::default(), problem));
        }
        let entries = (0..zip.len()).map(|index| entry(&mut zip, index)).collect::<Result<_, _>>()?;
        Ok(Self { input: zip.into_inner(), entries })
    }

    /// Goes to a member.
    pub(super) fn member(mut self, index: usize) -> Result<Member<R>, StatementError> {
        let entry = self.entries[index].clone();
        let seek = self.input.seek(SeekFrom::Start(entry.start));
        seek.map_err(|error| StatementError::reading(entry.place(), error))?;
        let packed = self.input.take(entry.packed);
        let bytes = if entry.method == CompressionMethod::Deflated {
            Bytes::Deflated(DeflateDecoder::new(packed))
        } else if entry.method == CompressionMethod::Stored {
            Bytes::Stored(packed)
        } else {
            return Err(StatementError::other(entry.place(), "it is packed by another method than deflate"));
        };
        Ok(Member { bytes, crc: Crc::new(), left: entry.plain, entry, entries: self.entries })
    }
}

impl Entry {
    fn place(&self) -> Place {
        Place { member: self.name.clone(), line: 0 }
    }
}

fn entry<R: Read + Seek>(zip: &mut ZipArchive<R>, index: usize) -> Result<Entry, StatementError> {
    let file = zip.by_index_raw(index).map_err(refused)?;
    let start = file.data_start().ok_or_else(|| StatementError::damaged(Place::default(), "not a whole ZIP"))?;
    let entry = Entry {
        name: name(file.name_raw()),
        start,
        packed: file.compressed_size(),
        plain: file.size(),
        crc: file.crc32(),
        method: file.compression(),
    };
    if file.encrypted() {
        return Err(StatementError::other(entry.place(), "it is encrypted"));
    }
    if entry.plain > MAX_PLAIN {
        return Err(StatementError::other(entry.place(), format!("it unpacks to more than {MAX_PLAIN} bytes")));
    }
    Ok(entry)
}

/// Alipay writes names in GBK without saying so.
fn name(raw: &[u8]) -> String {
    std::str::from_utf8(raw).map_or_else(|_| GBK.decode_without_bom_handling(raw).0.into_owned(), ToOwned::to_owned)
}

fn refused(error: ZipError) -> StatementError {
    let problem = format!("not a whole ZIP: {error}");
    if let ZipError::Io(error) = error {
        return StatementError::reading(Place::default(), error);
    }
    StatementError::damaged(Place::default(), problem)
}

/// The plain bytes of one member.
pub(super) struct Member<R> {
    bytes: Bytes<R>,
    crc: Crc,
    left: u64,
    entry: Entry,
    entries: Vec<Entry>,
}

enum Bytes<R> {
    Stored(Take<R>),
    Deflated(DeflateDecoder<Take<R>>),
}

impl<R> Member<R> {
    pub(super) fn name(&self) -> &str {
        &self.entry.name
    }

    /// Back to the archive, for the next member.
    pub(super) fn close(self) -> Archive<R> {
        let packed = match self.bytes {
            Bytes::Stored(packed) => packed,
            Bytes::Deflated(decoder) => decoder.into_inner(),
        };
        Archive { input: packed.into_inner(), entries: self.entries }
    }
}

impl<R: Read> Read for Member<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.bytes {
            Bytes::Stored(packed) => packed.read(buffer)?,
            Bytes::Deflated(decoder) => decoder.read(buffer)?,
        };
        self.crc.update(&buffer[..read]);
        let left = self.left.checked_sub(read as u64);
        self.left = left.ok_or_else(|| damage("it unpacks to more bytes than the archive says"))?;
        let ended = read == 0 && !buffer.is_empty();
        if ended && self.left > 0 {
            return Err(damage("it unpacks to fewer bytes than the archive says"));
        }
        if ended && self.crc.sum() != self.entry.crc {
            return Err(damage("its CRC is not the one that the archive says"));
        }
        Ok(read)
    }
}

fn damage(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
