//! Where in the configuration an account stands, and reading what stands there.

use std::{path::Path, sync::Arc};

use hyper::Uri;
use paystate_providers::{Provider, SettingProblem};

use super::Problems;
use crate::config::secret::{Source, required};

/// Where in the configuration an account stands, and where its paths begin.
///
/// What is missing or unreadable is noted and replaced by nothing, so that the platform still sees the rest
/// and names what is wrong with it; what it then says of the nothing is not said twice.
pub(in crate::config) struct Place<'a> {
    pub(super) at: String,
    pub(super) base: &'a Path,
    /// The account's.
    pub(super) name: &'a str,
}

impl Place<'_> {
    pub(super) fn required<T: Default>(&self, problems: &mut Problems, field: &str, value: Option<T>) -> T {
        required(problems, &format!("{}.{field}", self.at), value).unwrap_or_default()
    }

    pub(super) fn text(&self, problems: &mut Problems, field: &str, source: &Source) -> Option<String> {
        problems.take(format!("{}.{field}", self.at), source.text(self.base))
    }

    pub(super) fn required_text(&self, problems: &mut Problems, field: &str, source: Option<Source>) -> String {
        let source = required(problems, &format!("{}.{field}", self.at), source);
        source.and_then(|s| self.text(problems, field, &s)).unwrap_or_default()
    }

    pub(super) fn texts<'s>(
        &self,
        problems: &mut Problems,
        field: &str,
        sources: impl IntoIterator<Item = &'s Source>,
    ) -> Vec<String> {
        sources.into_iter().filter_map(|s| self.text(problems, field, s)).collect()
    }

    /// An address to call; the platform's code says whether it is one.
    pub(super) fn https(&self, problems: &mut Problems, field: &str, url: Option<String>) -> Option<String> {
        if url.as_ref().is_some_and(|url| !url.starts_with("https://")) {
            problems.add(format!("{}.{field}", self.at), "must begin with https://; nothing else is called");
        }
        url
    }

    /// Where the platform is told to call. The host may be a proxy's, and the path's beginning too; by its end the edge tells
    /// accounts apart. That it is missing, the platform's code says.
    pub(super) fn notify_url(
        &self,
        problems: &mut Problems,
        provider: Provider,
        url: Option<String>,
    ) -> Option<String> {
        let path = format!("/callback/{provider}/{}", self.name);
        let leads_here = |url: &str| {
            let uri = url.parse::<Uri>();
            uri.is_ok_and(|uri| uri.scheme_str() == Some("https") && uri.path().ends_with(&path))
        };
        if url.as_deref().is_some_and(|url| !url.trim().is_empty() && !leads_here(url)) {
            let what = format!("must be https://HOST{path}; what comes elsewhere is not for this account");
            problems.add(format!("{}.notify_url", self.at), what);
        }
        url
    }

    /// What a platform made of its settings.
    pub(super) fn built<P>(&self, problems: &mut Problems, built: Result<P, Vec<SettingProblem>>) -> Option<Arc<P>> {
        match built {
            Ok(built) => Some(Arc::new(built)),
            Err(found) => {
                let said = problems.places();
                for p in found {
                    let at = format!("{}.{}", self.at, p.field);
                    if !said.contains(&at) {
                        problems.add(at, p.problem);
                    }
                }
                None
            }
        }
    }
}
