//! Problems of an account's settings. Every account names all of them at once, not the first.

use std::fmt;

use crate::KeyError;

/// One thing wrong with one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// The setting's name, as in the configuration.
    pub field: &'static str,
    /// What is wrong and what to do. Never holds the value of a secret.
    pub problem: String,
}

impl fmt::Display for SettingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl std::error::Error for SettingProblem {}

/// Collects problems while an account is being built.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<SettingProblem>);

impl Problems {
    pub(crate) fn add(&mut self, field: &'static str, problem: impl Into<String>) {
        self.0.push(SettingProblem { field, problem: problem.into() });
    }

    /// Keeps a good value; notes a bad one.
    pub(crate) fn key<T>(&mut self, field: &'static str, result: Result<T, KeyError>) -> Option<T> {
        result.map_err(|error| self.add(field, error.to_string())).ok()
    }

    /// An account number as the platform prints it: 1 to `max` ASCII digits.
    pub(crate) fn digits(&mut self, field: &'static str, value: &str, max: usize) {
        if value.is_empty() {
            self.add(field, "it is empty");
        } else if value.len() > max || !value.bytes().all(|b| b.is_ascii_digit()) {
            self.add(field, format!("{:?} is not a number of at most {max} digits", clip(value)));
        }
    }

    /// An address `http(s)://host[:port][/path]`, without the `/` at its end. No query and no user name: platforms
    /// refuse or garble them.
    pub(crate) fn url(&mut self, field: &'static str, value: &str) -> Option<String> {
        if value.trim().is_empty() {
            self.add(field, "it is missing; write an address like https://pay.example.com/…");
            return None;
        }
        let good = value.parse::<http::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.query().is_none()
                && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        });
        if !good || value.contains('#') {
            self.add(field, format!("{:?} is not an address like https://host/path without a query", clip(value)));
            return None;
        }
        Some(value.trim_end_matches('/').to_owned())
    }

    /// `account` when there was no problem; all problems otherwise. `None` without a problem cannot
    /// happen, because whoever drops a value notes why.
    pub(crate) fn finish<T>(self, account: Option<T>) -> Result<T, Vec<SettingProblem>> {
        match account {
            Some(account) if self.0.is_empty() => Ok(account),
            _ => Err(self.0),
        }
    }
}

fn clip(value: &str) -> String {
    value.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let url = |value: &str| Problems::default().url("x", value);
        assert_eq!(url("https://a.example/b/").as_deref(), Some("https://a.example/b"));
        assert_eq!(url("http://127.0.0.1:8080").as_deref(), Some("http://127.0.0.1:8080"));
        for bad in ["", " ", "a.example", "/b", "ftp://a", "https://", "https://a/?b=1", "https://u@a", "https://a/#b"]
        {
            assert_eq!(url(bad), None, "{bad}");
        }
    }
}
