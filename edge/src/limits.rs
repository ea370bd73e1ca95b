//! The bounds of the way in, by name. Beside them stand those of log lines (`observe`), of what is told of one refusal
//! (`rejections`), and of calls to platforms (`gateway`).

use std::time::Duration;

/// The bounds of one edge. `Default` is what production starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Open connections, those in their handshake included. More wait in the kernel's backlog. Default 4096.
    pub max_connections: usize,
    /// Open connections from one address (IPv6: one /64). Does not bound a trusted proxy that tells addresses in
    /// X-Forwarded-For. Behind a proxy that hides addresses, raise it to `max_connections`. Default 256.
    pub max_connections_per_ip: usize,
    /// From accept to the end of the TLS handshake, with the PROXY header before it. Default 5 s.
    pub handshake_timeout: Duration,
    /// From a request's first byte (on a new connection: from the handshake) to the end of its head. Default 5 s.
    pub header_timeout: Duration,
    /// From the end of the head to the last byte of the body. Default 10 s.
    pub body_timeout: Duration,
    /// From the end of the head to the answer; a backstop over `body_timeout` and `core_timeout`. Default 15 s.
    pub request_timeout: Duration,
    /// How long a connection may wait for its next request, or for the peer to take an answer. Platforms that
    /// keep connections alive save us a handshake, which costs ten times the rest. Default 60 s.
    pub keep_alive_idle: Duration,
    /// How long a connection may stay that has brought no genuine callback yet and is not a proxy's, from its handshake
    /// to the last request that is still read: health checks and forgeries must not hold a place that a platform needs.
    /// Default 5 s.
    pub stranger_tenure: Duration,
    /// Bytes that a PROXY header may have behind its first 16; the addresses take 36. Default 4,096.
    pub max_proxy_header_bytes: usize,
    /// Bytes of a body; the largest genuine callback is below 20 KiB. Default 65,536.
    pub max_body_bytes: usize,
    /// Bytes of a request's head; at least 8,192, which is the HTTP library's smallest buffer. Default 16,384.
    pub max_head_bytes: usize,
    /// Header lines of a request. Default 64.
    pub max_headers: usize,
    /// Callbacks that are being verified or wait for the core; more are answered 503 at once. Default 1024.
    pub max_in_flight: usize,
    /// Verified messages that wait for an RPC; more are answered 503 at once. Default 1024.
    pub queue: usize,
    /// Messages in one RPC. Default 64; the contract allows 256.
    pub rpc_batch: usize,
    /// Bytes of messages after which an RPC takes no further one; gRPC refuses 4 MiB. Default 1 MiB.
    pub rpc_batch_bytes: usize,
    /// RPCs under way at a time. Default 4.
    pub rpc_in_flight: usize,
    /// From queueing a message to the core's answer. WeChat Pay hangs up after 5 s. Default 3 s.
    pub core_timeout: Duration,
    /// Refused callbacks that are told to the core, per second. Default 50.
    pub rejections_per_second: u32,
    /// Refused callbacks that may be told at once after a quiet time. Default 200.
    pub rejections_burst: u32,
    /// Refused callbacks that wait for an RPC. Default 256.
    pub rejections_queue: usize,
    /// Bytes of a refused body that are told. Default 4,096.
    pub rejection_body_bytes: usize,
    /// From "not ready" to the end of accepting, so that a balancer can turn away first. Default 0.
    pub unready_grace: Duration,
    /// From the end of accepting to the end of the last connection. Default 10 s.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            max_connections_per_ip: 256,
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(15),
            keep_alive_idle: Duration::from_secs(60),
            stranger_tenure: Duration::from_secs(5),
            max_proxy_header_bytes: 4096,
            max_body_bytes: 64 * 1024,
            max_head_bytes: 16 * 1024,
            max_headers: 64,
            max_in_flight: 1024,
            queue: 1024,
            rpc_batch: 64,
            rpc_batch_bytes: 1024 * 1024,
            rpc_in_flight: 4,
            core_timeout: Duration::from_secs(3),
            rejections_per_second: 50,
            rejections_burst: 200,
            rejections_queue: 256,
            rejection_body_bytes: 4096,
            unready_grace: Duration::ZERO,
            drain: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// The same, with impossible values (a queue of nothing, a head buffer that the HTTP library refuses with a panic)
    /// raised to the least possible ones.
    #[must_use]
    pub(crate) fn at_least_possible(mut self) -> Self {
        const SMALLEST_HEAD_BUFFER: usize = 8192;
        self.max_head_bytes = self.max_head_bytes.max(SMALLEST_HEAD_BUFFER);
        for bound in [
            &mut self.max_connections,
            &mut self.max_connections_per_ip,
            &mut self.max_headers,
            &mut self.max_in_flight,
            &mut self.queue,
            &mut self.rpc_batch,
            &mut self.rpc_in_flight,
            &mut self.rejections_queue,
        ] {
            // The upper end is what a semaphore can count.
            *bound = (*bound).clamp(1, u32::MAX as usize >> 3);
        }
        self.rpc_batch = self.rpc_batch.min(256);
        self
    }
}
