//! A data directory that needs nothing else: keys, certificate, stand-in platforms and a configuration,
//! made when they are missing and kept afterwards.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use paystate_sandbox::{ApiAddress, Keyring};

/// Where edge and sandbox of this process are reached, as the configuration says it.
const EDGE: &str = "127.0.0.1:8443";
const SANDBOX: &str = "127.0.0.1:7443";

/// Whether the platforms of a configuration can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Platforms {
    /// The core calls them through the edge.
    Called,
    /// They only call back: nothing runs that would answer a call.
    Silent,
}

/// Makes what is missing under `dir`; answers with the configuration file.
pub(super) fn prepare(dir: &Path, platforms: Platforms) -> Result<PathBuf, String> {
    let keyring = make(dir)?;
    let config = dir.join("paystate.toml");
    write_once(&config, || Ok(configuration(&keyring, platforms).into_bytes()))?;
    Ok(config)
}

/// Makes the keys that are missing.
fn make(dir: &Path) -> Result<Keyring, String> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
    let keyring = Keyring::load_or_create(&dir.join("sandbox")).map_err(|e| e.to_string())?;
    write_once(&dir.join("sealing.key"), || Ok(rand::random::<[u8; 32]>().to_vec()))?;
    if !dir.join("edge.crt").exists() {
        let (certificate, key) = certificate().map_err(|e| format!("cannot make a certificate: {e}"))?;
        // The certificate is written last: its presence says that both files are there.
        replace(&dir.join("edge.key"), key.as_bytes())?;
        replace(&dir.join("edge.crt"), certificate.as_bytes())?;
    }
    Ok(keyring)
}

fn certificate() -> Result<(String, String), rcgen::Error> {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names)?;
    Ok((made.cert.pem(), made.signing_key.serialize_pem()))
}

fn configuration(keyring: &Keyring, platforms: Platforms) -> String {
    let (gateway, apis) = match platforms {
        Platforms::Called => ("edge = \"http://127.0.0.1:50052\"\n", apis(keyring)),
        Platforms::Silent => ("", String::new()),
    };
    format!(
        r#"# Made by `paystate dev`; change it as you like, it is not written again. Paths are relative to this file.
# Each value can be overridden, e.g. PAYSTATE__EDGE__LISTEN=127.0.0.1:9443

[core]
listen = "127.0.0.1:50051"
metrics_listen = "127.0.0.1:9464"
database = "sqlite:paystate.db"
{gateway}
[core.sealing]
active = "k1"
keys = {{ k1 = {{ file = "sealing.key" }} }}

[edge]
listen = "127.0.0.1:8443"
gateway_listen = "127.0.0.1:50052"
metrics_listen = "127.0.0.1:9465"
core = "http://127.0.0.1:50051"
tls_certificate = {{ file = "edge.crt" }}
tls_key = {{ file = "edge.key" }}

[sandbox]
listen = "127.0.0.1:7443"
data_dir = "sandbox"
edge_url = "https://127.0.0.1:8443"
edge_certificate = {{ file = "edge.crt" }}
tls_certificate = {{ file = "edge.crt" }}
tls_key = {{ file = "edge.key" }}
time_compression = {compression}

{accounts}
{apis}"#,
        compression = paystate_sandbox::Settings::DEFAULT_TIME_COMPRESSION,
        accounts = keyring.accounts_toml(Path::new("sandbox")),
    )
}

/// How the accounts' platforms are called.
fn apis(keyring: &Keyring) -> String {
    let (edge_origin, origin) = (format!("https://{EDGE}"), format!("https://{SANDBOX}"));
    let address = ApiAddress { origin: &origin, edge_origin: &edge_origin, ca_certificate: Path::new("edge.crt") };
    keyring.apis_toml(Path::new("sandbox"), &address)
}

fn write_once(path: &Path, content: impl FnOnce() -> Result<Vec<u8>, String>) -> Result<(), String> {
    if path.exists() { Ok(()) } else { replace(path, &content()?) }
}

/// Writes a file beside its place and then moves it there, so it is there whole or not at all. Only its owner may read
/// it.
fn replace(path: &Path, content: &[u8]) -> Result<(), String> {
    let failed = |e| format!("cannot write {}: {e}", path.display());
    let beside = path.with_extension("new");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside).map_err(failed)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}
