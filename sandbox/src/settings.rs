//! What a sandbox needs to run.

use std::{path::PathBuf, time::Duration};

/// Where the sandbox lives, whom it calls, how fast its time runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where keys and journal live.
    pub data_dir: PathBuf,
    /// The edge's origin, e.g. `https://127.0.0.1:8443`.
    pub edge_url: String,
    /// Whom to trust as the edge: a CA, or the edge's own certificate, in PEM.
    pub edge_ca_pem: Vec<u8>,
    /// Retry intervals are divided by this; 1 is real time.
    pub time_compression: u32,
    /// How long a platform waits for an answer.
    pub request_timeout: Duration,
    /// How far the clock is behind that payments and refunds are dated by. What has to be of the present moment, as
    /// signatures have, is by the right time.
    pub clock_behind: Duration,
}

impl Settings {
    /// WeChat Pay's limit, the strictest that is documented.
    pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
    /// A day's retries in under three minutes.
    pub const DEFAULT_TIME_COMPRESSION: u32 = 600;

    /// Settings with the defaults.
    #[must_use]
    pub fn new(data_dir: PathBuf, edge_url: String, edge_ca_pem: Vec<u8>) -> Self {
        Self {
            data_dir,
            edge_url,
            edge_ca_pem,
            time_compression: Self::DEFAULT_TIME_COMPRESSION,
            request_timeout: Self::DEFAULT_REQUEST_TIMEOUT,
            clock_behind: Duration::ZERO,
        }
    }
}
