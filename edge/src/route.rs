//! From method and path to what is asked for. Pure.
//!
//! Paths are compared byte for byte: no percent escapes, no `//`, no trailing slash. Two spellings of one address are
//! how filters in front of the edge are bypassed.

use http::Method;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'p> {
    /// A callback; the names are not yet looked up.
    Callback { provider: &'p str, account: &'p str },
    /// Is the process alive?
    Health,
    /// Can a callback be stored now?
    Ready,
    /// The path is one of ours, the method is not; these are.
    WrongMethod { allow: &'static str },
    /// None of ours.
    Unknown,
}

/// Routes by exact path. Whether an account exists does not change which methods are allowed, so that the
/// method cannot be used to ask.
pub(crate) fn route<'p>(method: &Method, path: &'p str) -> Route<'p> {
    let read = method == Method::GET || method == Method::HEAD;
    match (path, callback_names(path)) {
        ("/healthz", _) if read => Route::Health,
        ("/readyz", _) if read => Route::Ready,
        ("/healthz" | "/readyz", _) => Route::WrongMethod { allow: "GET, HEAD" },
        (_, Some((provider, account))) if method == Method::POST => Route::Callback { provider, account },
        (_, Some(_)) => Route::WrongMethod { allow: "POST" },
        (_, None) => Route::Unknown,
    }
}

fn callback_names(path: &str) -> Option<(&str, &str)> {
    let (provider, account) = path.strip_prefix("/callback/")?.split_once('/')?;
    (is_name(provider) && is_name(account)).then_some((provider, account))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_path_is_a_callback() {
        let callback = Route::Callback { provider: "alipay", account: "shop-1" };
        assert_eq!(route(&Method::POST, "/callback/alipay/shop-1"), callback);
        for path in [
            "",
            "/",
            "*",
            "/callback",
            "/callback/",
            "/callback/alipay",
            "/callback/alipay/",
            "/callback//shop-1",
            "/callback/alipay/shop-1/",
            "//callback/alipay/shop-1",
            "/callback/alipay//shop-1",
            "/callback/alipay/shop%2d1",
            "/callback/%61lipay/shop-1",
            "/callback/alipay/shop-1;x",
            "/Callback/alipay/shop-1",
            "/callback/alipay/a/b",
            "/x/../callback/alipay/shop-1",
            "/healthz/",
            "/readyz/x",
        ] {
            assert_eq!(route(&Method::POST, path), Route::Unknown, "{path}");
        }
    }

    #[test]
    fn methods() {
        for method in [Method::GET, Method::PUT, Method::HEAD, Method::OPTIONS, Method::DELETE] {
            assert_eq!(route(&method, "/callback/alipay/nobody"), Route::WrongMethod { allow: "POST" });
        }
        assert_eq!(route(&Method::GET, "/healthz"), Route::Health);
        assert_eq!(route(&Method::HEAD, "/readyz"), Route::Ready);
        assert_eq!(route(&Method::POST, "/readyz"), Route::WrongMethod { allow: "GET, HEAD" });
    }
}
