//! `core.database`: which database holds the truth.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use paystate_core::store::{Store, StoreError, postgres, postgres::PostgresStore, sqlite::SqliteStore};

use super::{Problems, secret::Source};

/// Where the truth is.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// A file, for one core.
    Sqlite(PathBuf),
    /// A server, for any number of cores.
    Postgres(Box<postgres::Address>),
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => file.display().fmt(f),
            Self::Postgres(address) => address.fmt(f),
        }
    }
}

impl Database {
    pub(super) fn check(problems: &mut Problems, url: &str, password: Option<Source>, base: &Path) -> Option<Self> {
        let at = "core.database_password";
        let has_password = password.is_some();
        let password = match password {
            Some(source) => Some(problems.take(at, source.text(base))?),
            None => None,
        };
        if let Some(path) = url.strip_prefix("sqlite:") {
            if has_password {
                problems.add(at, "SQLite has no password; remove it");
            }
            // Otherwise the directory itself would be opened.
            if Path::new(path.trim()).file_name().is_none() {
                problems.add("core.database", "names no file; write \"sqlite:PATH\"");
                return None;
            }
            return Some(Self::Sqlite(base.join(path)));
        }
        // Nothing of a URL that may hold a password is repeated.
        let hint = "write \"sqlite:PATH\" or \"postgres://user@host:5432/database\"";
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            problems.add("core.database", format!("is no database that this version knows; {hint}"));
            return None;
        }
        let address = problems.take("core.database", postgres::Address::parse(url, password.as_deref()))?;
        Some(Self::Postgres(Box::new(address)))
    }

    /// Opens it. A file is made when it is missing and brought up to date; a server must have the schema.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            Self::Sqlite(file) => Arc::new(SqliteStore::open(file).await?),
            Self::Postgres(address) => Arc::new(PostgresStore::open(address).await?),
        })
    }

    /// Opens it to look at it: nothing is made, and nothing brought up to date.
    pub(crate) async fn open_existing(&self) -> Result<Arc<dyn Store>, StoreError> {
        match self {
            Self::Sqlite(file) => Ok(Arc::new(SqliteStore::open_existing(file).await?)),
            Self::Postgres(_) => self.open().await,
        }
    }

    /// Brings the schema up to date. With `new_log` the log gets a new id.
    pub(crate) async fn migrate(&self, new_log: bool) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(file) => {
                let store = SqliteStore::open(file).await?;
                if new_log {
                    store.renew_log().await?;
                }
                store.close().await;
                Ok(())
            }
            Self::Postgres(address) => postgres::migrate(address, new_log).await,
        }
    }

    /// Transactions under way at once that pay: SQLite has one writer.
    pub(super) fn writers(&self) -> usize {
        match self {
            Self::Sqlite(_) => 1,
            Self::Postgres(_) => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_on_sqlite_has_a_path() {
        for (url, says) in [
            ("sqlite:", Some("core.database: names no file")),
            ("sqlite: ", Some("core.database: names no file")),
            ("sqlite://", Some("core.database: names no file")),
            ("sqlite:data/..", Some("core.database: names no file")),
            ("sqlite:paystate.db", None),
            ("sqlite:/var/lib/paystate/paystate.db", None),
        ] {
            let mut problems = Problems::default();
            let database = Database::check(&mut problems, url, None, Path::new("/etc/paystate"));
            let found = problems.none::<()>(None).unwrap_err();
            assert_eq!(database.is_some(), says.is_none(), "{url}");
            assert_eq!(found.len(), says.iter().len(), "{url}: {found:?}");
            assert!(found.iter().zip(says).all(|(problem, says)| problem.to_string().starts_with(says)), "{found:?}");
        }
    }
}
