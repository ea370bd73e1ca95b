//! The accept loop. It ends only when it is told to: no error of a socket, a peer or the process's table of
//! files stops it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::task::TaskTracker;

use crate::{Limits, connection::Connections};

/// After an error that will not go away at once, such as a full table of files.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts until `draining` and runs each connection in a task of `tasks`.
pub(crate) async fn run(listener: TcpListener, limits: &Limits, connections: Connections, tasks: &TaskTracker) {
    let slots = Arc::new(Semaphore::new(limits.max_connections));
    loop {
        let accepted = tokio::select! {
            biased;
            () = connections.draining.cancelled() => return,
            accepted = next(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                // Answers are one small packet; without this they may wait for the peer's acknowledgement.
                let _ = stream.set_nodelay(true);
                let connection = connections.clone().run(stream, peer.ip().to_canonical());
                tasks.spawn(async move {
                    connection.await;
                    drop(slot);
                });
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Takes a slot first: while all are taken, callers wait in the kernel's backlog and cost nothing here.
async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, slot))
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    [ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted].contains(&error.kind())
}
