//! A file of a platform, into a temporary file.

use std::fs::File;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::Body;
use paystate_providers::api::Request;
use tokio::{
    io::{AsyncSeekExt, AsyncWriteExt},
    time::timeout,
};

use super::{
    GatewayLimits,
    http::{Failure, Http},
};

/// Fetches a file; it is open at its beginning, and has no name.
pub(crate) async fn download(http: &Http, from: Request, limits: &GatewayLimits) -> Result<File, Failure> {
    let response = http.head(from).await?;
    if response.status() != StatusCode::OK {
        return Err(Failure::Status(response.status()));
    }
    let made = tokio::task::spawn_blocking(tempfile::tempfile).await.map_err(std::io::Error::other).flatten();
    let mut file = tokio::fs::File::from_std(made.map_err(Failure::Disk)?);
    store(response.into_body(), &mut file, limits).await?;
    file.rewind().await.map_err(Failure::Disk)?;
    Ok(file.into_std().await)
}

async fn store<B>(mut body: B, file: &mut tokio::fs::File, limits: &GatewayLimits) -> Result<(), Failure>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut left = limits.file_bytes;
    while let Some(frame) = timeout(limits.file_stall, body.frame()).await.map_err(|_| Failure::Timeout)? {
        let Ok(data) = frame.map_err(|_| Failure::Broken)?.into_data() else { continue };
        let size = u64::try_from(data.len()).unwrap_or(u64::MAX);
        left = left.checked_sub(size).ok_or(Failure::TooLarge(limits.file_bytes))?;
        file.write_all(&data).await.map_err(Failure::Disk)?;
    }
    file.flush().await.map_err(Failure::Disk)
}
