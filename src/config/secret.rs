//! Where a secret is: a file or an environment variable, never the configuration itself.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Problems;

/// `{ file = "…" }` or `{ env = "…" }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a secret is { file = \"path\" } or { env = \"NAME\" }, not both; it is never written inline"
)]
pub(super) enum Source {
    /// The file's content.
    File {
        /// Its path.
        file: PathBuf,
    },
    /// The variable's value.
    Env {
        /// Its name.
        env: String,
    },
}

impl Source {
    /// The bytes, or what is wrong with them.
    pub(super) fn bytes(&self, base: &Path) -> Result<Vec<u8>, String> {
        let bytes = match self {
            Self::File { file } => {
                let path = base.join(file);
                std::fs::read(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?
            }
            Self::Env { env } => std::env::var_os(env)
                .ok_or_else(|| format!("environment variable {env} is not set"))?
                .into_encoded_bytes(),
        };
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(format!("{} is empty", self.name(base)));
        }
        Ok(bytes)
    }

    /// The text without the newline that editors leave at its end.
    pub(super) fn text(&self, base: &Path) -> Result<String, String> {
        let text = String::from_utf8(self.bytes(base)?).map_err(|_| format!("{} is not text", self.name(base)))?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    fn name(&self, base: &Path) -> String {
        match self {
            Self::File { file } => format!("file {}", base.join(file).display()),
            Self::Env { env } => format!("environment variable {env}"),
        }
    }
}

/// A field that must be there.
pub(super) fn required<T>(problems: &mut Problems, at: &str, value: Option<T>) -> Option<T> {
    if value.is_none() {
        problems.add(at, "is missing");
    }
    value
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(source: &str) -> Result<Source, String> {
        let read = toml::from_str::<BTreeMap<String, Source>>(&format!("key = {source}"));
        read.map_err(|e| e.message().to_owned()).map(|mut all| all.remove("key").unwrap())
    }

    #[test]
    fn a_secret_is_in_one_place() {
        assert!(matches!(read("{ file = \"a.key\" }"), Ok(Source::File { file }) if file == Path::new("a.key")));
        assert!(matches!(read("{ env = \"KEY\" }"), Ok(Source::Env { env }) if env == "KEY"));
        for wrong in ["\"sesame\"", "{ file = \"a.key\", env = \"KEY\" }", "{ file = \"a.key\", path = \"b\" }", "{}"] {
            let said = read(wrong).unwrap_err();
            assert!(said.starts_with("a secret is { file") && !said.contains("sesame"), "{wrong}: {said}");
        }
    }
}
