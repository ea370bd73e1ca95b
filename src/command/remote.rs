//! What the commands that ask a core have in common: how they reach it, what helps when it refuses, and how answers
//! look for people and for scripts.

use std::{error::Error as _, fs, path::PathBuf, time::Duration};

use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser},
};
use paystate_client::{Channel, Connect, Refusal};
use paystate_proto::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use tonic::{Code, Request, Status, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;

/// Where a core is if nobody says otherwise.
const CORE: &str = "http://127.0.0.1:50051";
/// What every core answers to everybody.
const HEALTH: &str = "/grpc.health.v1.Health/Check";
/// For the answer to that.
const PATIENCE: Duration = Duration::from_secs(10);

/// The way to a core. Options are named as in the configuration. If you use them often, set the variables.
#[derive(Debug, Args)]
pub(crate) struct Remote {
    /// The core, `http://host:port` or `https://host:port`.
    #[arg(long, global = true, value_name = "URL", env = "PAYSTATE_CORE", default_value = CORE)]
    core: String,
    /// PEM; the authorities whose certificates are believed. Needed with https.
    #[arg(long, global = true, value_name = "FILE", env = "PAYSTATE_CA", value_parser = pem())]
    ca: Option<PathBuf>,
    /// PEM; the certificate that this side shows, then its chain. A core with `[core.tls]` asks for one.
    #[arg(long, global = true, value_name = "FILE", env = "PAYSTATE_CERTIFICATE", value_parser = pem())]
    certificate: Option<PathBuf>,
    /// PEM; the certificate's private key.
    #[arg(long, global = true, value_name = "FILE", env = "PAYSTATE_KEY", value_parser = pem(), hide_env_values = true)]
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
        let core = self.core();
        let mut connect = Connect::to(core);
        if let Some(ca) = given(self.ca.as_ref()) {
            connect = connect.ca(read("--ca", ca)?);
        }
        let certificate = given(self.certificate.as_ref());
        match (certificate, given(self.key.as_ref())) {
            (Some(certificate), Some(key)) => {
                connect = connect.identity(read("--certificate", certificate)?, read("--key", key)?);
            }
            (None, None) => {}
            (Some(_), None) => return Err("--certificate needs --key, its private key".into()),
            (None, Some(_)) => return Err("--key needs --certificate, whose private key it is".into()),
        }
        if let Some(name) = self.server_name.as_ref().filter(|name| !name.is_empty()) {
            connect = connect.server_name(name);
        }
        if self.allow_plaintext {
            connect = connect.allow_plaintext();
        }
        let opened = connect.open().await;
        let channel =
            opened.map_err(|e| format!("{e}; --core, --ca, --certificate and --key say which core and how"))?;
        match answers(channel.clone()).await {
            Ok(()) => Ok(channel),
            Err(why) => Err(unreached(core, certificate.is_some(), &why)),
        }
    }

    fn core(&self) -> &str {
        if self.core.is_empty() { CORE } else { &self.core }
    }
}

/// Reads the name of a file also where it is empty, which clap by itself refuses: a variable that is empty says as much
/// as one that is not there.
fn pem() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

fn given(file: Option<&PathBuf>) -> Option<&PathBuf> {
    file.filter(|file| !file.as_os_str().is_empty())
}

/// Asks the core for something that it answers to everybody. Until then nobody knows whether it speaks gRPC and, with
/// TLS 1.3, whether it takes our certificate. Whatever it says is an answer; what the library says is none.
async fn answers(channel: Channel) -> Result<(), String> {
    let mut request = Request::new(());
    request.set_timeout(PATIENCE);
    let codec = ProstCodec::<(), ()>::default();
    match Grpc::new(channel).unary(request, PathAndQuery::from_static(HEALTH), codec).await {
        Err(status) if status.source().is_some() => Err(Refusal::from(status).message),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// A connection that was made, and on which nothing is understood.
fn unreached(core: &str, shows_certificate: bool, why: &str) -> String {
    let hint = match (core.starts_with("https://"), shows_certificate) {
        (true, true) => "perhaps it is no gRPC server, or does not believe what --certificate shows",
        (true, false) => "perhaps it is no gRPC server, or asks for a certificate: give --certificate and --key",
        (false, _) => {
            "perhaps it is no gRPC server, or speaks TLS: write https:// and give --ca, --certificate and --key"
        }
    };
    format!("cannot reach {core}: {why}; {hint}")
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
    use clap::Parser;
    use paystate_proto::v1;
    use tokio::io::AsyncWriteExt as _;

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

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        remote: Remote,
    }

    /// With the empty values that empty variables give, but for the core.
    fn remote(core: &str) -> Remote {
        let empty = ["--ca", "", "--certificate", "", "--key", "", "--server-name", ""];
        Line::try_parse_from(["paystate", "--core", core].into_iter().chain(empty)).unwrap().remote
    }

    #[test]
    fn what_is_empty_is_not_given() {
        assert_eq!(remote("").core(), CORE);
        assert_eq!(remote("http://127.0.0.1:1").core(), "http://127.0.0.1:1");
        let Remote { ca, certificate, key, .. } = remote("");
        assert!([ca, certificate, key].iter().all(|file| given(file.as_ref()).is_none()));
    }

    #[tokio::test]
    async fn who_speaks_no_grpc_is_named_with_what_may_be_wrong() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut streams = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
                streams.push(stream);
            }
        });
        let said = remote(&url).open().await.unwrap_err();
        assert!(said.starts_with(&format!("cannot reach {url}: ")), "{said}");
        assert!(said.contains("no gRPC server") && said.contains("speaks TLS"), "{said}");
    }

    #[test]
    fn a_missing_certificate_is_guessed_only_where_there_is_none() {
        let missing = unreached("https://core-1:50051", false, "transport error");
        assert!(missing.starts_with("cannot reach https://core-1:50051: transport error; "), "{missing}");
        assert!(missing.contains("give --certificate"), "{missing}");
        assert!(unreached("https://core-1:50051", true, "transport error").contains("does not believe"));
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["付款付款付".to_owned(), "22".to_owned()]];
        assert_eq!(table(&["NAME", "N"], &rows), "NAME   N\na      1\n付款付款付  22");
    }
}
