//! What the commands that ask a core have in common: how they reach it, what helps when it refuses, and how answers
//! look for people and for scripts.

use std::{fs, path::PathBuf};

use clap::Args;
use paystate_client::{Channel, Connect, Refusal};
use paystate_proto::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use tonic::{Code, Status};

/// The way to a core. Options are named as in the configuration. If you use them often, set the variables.
#[derive(Debug, Args)]
pub(crate) struct Remote {
    /// The core, `http://host:port` or `https://host:port`.
    #[arg(long, global = true, value_name = "URL", env = "PAYSTATE_CORE", default_value = "http://127.0.0.1:50051")]
    core: String,
    /// PEM file of the authorities to trust. Needed with https.
    #[arg(long, global = true, value_name = "FILE", env = "PAYSTATE_CA")]
    ca: Option<PathBuf>,
    /// PEM; the certificate that this side shows, then its chain. A core with `[core.tls]` asks for one.
    #[arg(long, global = true, value_name = "FILE", env = "PAYSTATE_CERTIFICATE")]
    certificate: Option<PathBuf>,
    /// PEM; the certificate's private key.
    #[arg(long, global = true, value_name = "FILE", env = "PAYSTATE_KEY", hide_env_values = true)]
    key: Option<PathBuf>,
    /// The name that the core's certificate must have, if not the host of the URL.
    #[arg(long, global = true, value_name = "NAME", env = "PAYSTATE_SERVER_NAME")]
    server_name: Option<String>,
    /// Lets http leave this machine.
    #[arg(long, global = true)]
    allow_plaintext: bool,
}

impl Remote {
    /// A channel on which the core has answered.
    pub(super) async fn open(&self) -> Result<Channel, String> {
        let mut connect = Connect::to(&self.core);
        // An empty variable counts like one that is not set.
        let given = |file: &Option<PathBuf>| file.clone().filter(|file| !file.as_os_str().is_empty());
        if let Some(ca) = given(&self.ca) {
            connect = connect.ca(read("--ca", &ca)?);
        }
        match (given(&self.certificate), given(&self.key)) {
            (Some(certificate), Some(key)) => {
                connect = connect.identity(read("--certificate", &certificate)?, read("--key", &key)?);
            }
            (None, None) => {}
            (Some(_), None) => return Err("--certificate needs --key, its private key".into()),
            (None, Some(_)) => return Err("--key needs --certificate, whose private key it is".into()),
        }
        if let Some(name) = &self.server_name {
            connect = connect.server_name(name);
        }
        if self.allow_plaintext {
            connect = connect.allow_plaintext();
        }
        connect.open().await.map_err(|e| format!("{e}; --core, --ca, --certificate and --key say which core and how"))
    }
}

fn read(option: &str, file: &PathBuf) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|e| format!("{option}: cannot read {}: {e}", file.display()))
}

/// What a person can do about a refusal, where the core's own words do not say it.
pub(super) fn refused(refusal: &Refusal) -> String {
    match refusal.code {
        Code::PermissionDenied | Code::Unauthenticated => {
            format!("{refusal}; [core.roles] says which certificates may do this")
        }
        Code::Unavailable => format!("{refusal}; try again, or another core"),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss => refusal.to_string(),
    }
}

/// [`refused`], for the answer of a generated client.
pub(super) fn failed(status: Status) -> String {
    refused(&status.into())
}

/// A message of `paystate.v1` as JSON on one line, in the form that grpcurl prints too.
pub(super) fn json(name: &str, message: &impl Message) -> Result<String, String> {
    let failed = |e: &dyn std::fmt::Display| format!("cannot write {name} as JSON: {e}");
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).map_err(|e| failed(&e))?;
    let kind = pool.get_message_by_name(&format!("paystate.v1.{name}")).ok_or_else(|| failed(&"no such message"))?;
    let message = DynamicMessage::decode(kind, message.encode_to_vec().as_slice()).map_err(|e| failed(&e))?;
    serde_json::to_string(&message).map_err(|e| failed(&e))
}

/// Rows under their headings, in columns as wide as they must be.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let headings: Vec<String> = headings.iter().map(|&heading| heading.to_owned()).collect();
    let all = || std::iter::once(&headings).chain(rows);
    let width = |column: usize| all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..headings.len()).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all().map(line).collect::<Vec<_>>().join("\n")
}

/// A time for people; empty if there is none.
pub(super) fn time(time: Option<&prost_types::Timestamp>) -> String {
    let time = time.and_then(|t| jiff::Timestamp::new(t.seconds, t.nanos).ok());
    time.map(|t| format!("{t:.3}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use paystate_proto::v1;

    use super::*;

    #[test]
    fn json_is_the_contract_s_own() {
        let event_time = Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 });
        let kind = v1::EventKind::PaymentSucceeded.into();
        let event = v1::Event { revision: 7, order_id: "A1".into(), kind, event_time, ..Default::default() };
        assert_eq!(
            json("Event", &event).unwrap(),
            r#"{"revision":"7","orderId":"A1","kind":"EVENT_KIND_PAYMENT_SUCCEEDED","eventTime":"2023-11-14T22:13:20Z"}"#
        );
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["付款付款付".to_owned(), "22".to_owned()]];
        assert_eq!(table(&["NAME", "N"], &rows), "NAME   N\na      1\n付款付款付  22");
    }
}
