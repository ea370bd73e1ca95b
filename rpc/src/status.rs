//! Errors on the wire: a gRPC code and `google.rpc.ErrorInfo` with a stable reason.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

const DOMAIN: &str = "paystate";

/// An error with a stable reason, and what a program may want to know of it.
#[must_use]
pub fn status(code: Code, reason: &str, message: &str, metadata: HashMap<String, String>) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, DOMAIN, metadata);
    Status::with_error_details(code, message, details)
}
