//! Files that only their owner may read, under directories that only their owner may enter.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use crate::SandboxError;

/// Makes a directory and its parents; new ones are private to the owner.
pub(crate) fn make_dir(path: &Path) -> Result<(), SandboxError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(SandboxError::file(path))
}

/// Options for a private file.
pub(crate) fn private() -> OpenOptions {
    let mut options = File::options();
    options.mode(0o600);
    options
}

/// Writes a private file whole; an existing one is replaced in one step, or left alone if it says the same.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), SandboxError> {
    if fs::read(path).is_ok_and(|known| known == content) {
        return Ok(());
    }
    let draft = path.with_added_extension("new");
    let mut file =
        private().write(true).create(true).truncate(true).open(&draft).map_err(SandboxError::file(&draft))?;
    file.write_all(content).map_err(SandboxError::file(&draft))?;
    fs::rename(&draft, path).map_err(SandboxError::file(path))
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String, SandboxError> {
    fs::read_to_string(path).map_err(SandboxError::file(path))
}
