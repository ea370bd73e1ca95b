//! ZIP files as the platforms' Java programs write them: deflated members, sizes after the data, names as given bytes.

use std::io::{self, Write};

use flate2::{Compression, CrcWriter, write::DeflateEncoder};

/// Sizes and checksum follow the data.
const SIZES_FOLLOW: u16 = 0x0008;
const DEFLATED: u16 = 8;
const VERSION: u16 = 20;
/// 1 January 2026, midnight, in the format of MS-DOS.
const DOS_TIME: [u8; 4] = [0, 0, 0x21, 0x5c];

/// Writes members one after another.
pub(super) struct Zip<W> {
    out: Counted<W>,
    directory: Vec<u8>,
    members: u16,
}

impl<W: Write> Zip<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out: Counted { out, count: 0 }, directory: Vec::new(), members: 0 }
    }

    /// Writes one member; `content` writes what is in it.
    pub(super) fn member(
        &mut self,
        name: &[u8],
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let start = self.out.position()?;
        let head = self.header(name, &[0; 12])?;
        self.out.write_all(b"PK\x03\x04")?;
        self.out.write_all(&head)?;
        self.out.write_all(&[0, 0])?;
        self.out.write_all(name)?;
        let data = self.out.position()?;
        let (size, checksum) = deflate(&mut self.out, content)?;
        let packed = self.out.position()? - data;
        let sizes = [checksum.to_le_bytes(), packed.to_le_bytes(), size.to_le_bytes()].concat();
        self.out.write_all(b"PK\x07\x08")?;
        self.out.write_all(&sizes)?;
        let head = self.header(name, &sizes)?;
        self.directory.extend_from_slice(b"PK\x01\x02");
        self.directory.extend_from_slice(&VERSION.to_le_bytes());
        self.directory.extend_from_slice(&head);
        // No extra field, no comment, first disk, no attributes.
        self.directory.extend_from_slice(&[0; 12]);
        self.directory.extend_from_slice(&start.to_le_bytes());
        self.directory.extend_from_slice(name);
        self.members += 1;
        Ok(())
    }

    /// Writes the directory.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let start = self.out.position()?;
        self.out.write_all(&self.directory)?;
        let size = self.out.position()? - start;
        self.out.write_all(b"PK\x05\x06\0\0\0\0")?;
        let members = self.members.to_le_bytes();
        self.out.write_all(&[&members[..], &members, &size.to_le_bytes(), &start.to_le_bytes(), &[0, 0]].concat())?;
        self.out.flush()
    }

    /// What the local header and the directory have in common, up to the length of the name.
    fn header(&self, name: &[u8], sizes: &[u8]) -> io::Result<Vec<u8>> {
        let length = u16::try_from(name.len()).map_err(|_| io::Error::other("a member's name is too long"))?;
        let numbers = [VERSION, SIZES_FOLLOW, DEFLATED].map(u16::to_le_bytes).concat();
        Ok([&numbers, &DOS_TIME[..], sizes, &length.to_le_bytes()].concat())
    }
}

/// Writes the deflated data; answers with its plain size and checksum.
fn deflate(out: &mut impl Write, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<(u32, u32)> {
    let mut plain = Counted { out: CrcWriter::new(DeflateEncoder::new(out, Compression::default())), count: 0 };
    content(&mut plain)?;
    let (size, checksum) = (plain.position()?, plain.out.crc().sum());
    plain.out.into_inner().finish()?;
    Ok((size, checksum))
}

struct Counted<W> {
    out: W,
    count: u64,
}

impl<W> Counted<W> {
    /// This format has 32 bits for it.
    fn position(&self) -> io::Result<u32> {
        u32::try_from(self.count).map_err(|_| io::Error::other("a statement may have at most 4 GiB"))
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.count += u64::try_from(written).unwrap_or(u64::MAX);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
