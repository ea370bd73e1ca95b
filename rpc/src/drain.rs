//! The end of a server.

use std::{future::Future, time::Duration};

use tokio_util::sync::CancellationToken;

/// Runs a server that ends by itself after `closing`, and waits for that for at most `patience`: a stream that its
/// caller never ends must not keep the process alive.
///
/// # Errors
/// Those of the server.
pub async fn bounded<E>(
    server: impl Future<Output = Result<(), E>>,
    closing: CancellationToken,
    patience: Duration,
) -> Result<(), E> {
    let over = async {
        closing.cancelled().await;
        tokio::time::sleep(patience).await;
    };
    tokio::select! {
        served = server => served,
        () = over => {
            tracing::warn!("connections did not end in time");
            Ok(())
        }
    }
}
