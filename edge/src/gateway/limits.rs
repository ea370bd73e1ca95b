//! Every bound of calls to platforms, by name.

use std::time::Duration;

/// The bounds of calls to platforms. `Default` is what production uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayLimits {
    /// To a TCP connection. Default 3 s.
    pub connect: Duration,
    /// From the beginning of a call to the last byte of its answer; for a file to the end of its head. Default 10 s.
    pub call: Duration,
    /// Bytes of an answer. Default 1 MiB.
    pub answer_bytes: usize,
    /// Bytes of an answer to a question for a statement, in which the file itself may lie. Default 64 MiB.
    pub statement_answer_bytes: usize,
    /// Bytes of a statement's file, which goes to a temporary file. Default 4 GiB.
    pub file_bytes: u64,
    /// How long nothing of a file may arrive. Default 30 s.
    pub file_stall: Duration,
    /// From a question for a statement to the last byte of its answer, in which the file itself may lie; and from the head
    /// of a file to its end. Default 15 min.
    pub file: Duration,
    /// From the first question for a statement to its last line, pages and pauses included. Default 6 h.
    pub statement: Duration,
    /// How long a connection is kept for the next call. Default 30 s.
    pub idle: Duration,
}

/// The bounds of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// From the beginning of the call to the answer's last byte.
    pub(crate) time: Duration,
    /// Bytes of the answer.
    pub(crate) bytes: usize,
}

impl GatewayLimits {
    /// Of an answer about a payment or a refund.
    pub(crate) fn of_call(&self) -> Bounds {
        Bounds { time: self.call, bytes: self.answer_bytes }
    }

    /// Of an answer to a question for a statement.
    pub(crate) fn of_statement(&self) -> Bounds {
        Bounds { time: self.file, bytes: self.statement_answer_bytes }
    }
}

impl Default for GatewayLimits {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            connect: Duration::from_secs(3),
            call: Duration::from_secs(10),
            answer_bytes: MIB,
            statement_answer_bytes: 64 * MIB,
            file_bytes: 4 << 30,
            file_stall: Duration::from_secs(30),
            file: Duration::from_secs(15 * 60),
            statement: Duration::from_secs(6 * 60 * 60),
            idle: Duration::from_secs(30),
        }
    }
}
