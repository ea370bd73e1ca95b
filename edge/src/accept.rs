//! The accept loop. It ends only when it is told to: no error of a socket, a peer or the process's table of
//! files stops it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::task::TaskTracker;

use crate::{Limits, connection::Connections, ip_cap::IpCap, observe};

/// After an error that will not go away at once, such as a full table of files.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts until `draining` and runs each connection in a task of `tasks`.
pub(crate) async fn run(listener: TcpListener, limits: &Limits, connections: Connections, tasks: &TaskTracker) {
    let slots = Arc::new(Semaphore::new(limits.max_connections));
    let cap = IpCap::new(limits.max_connections_per_ip);
    loop {
        let accepted = tokio::select! {
            biased;
            () = connections.draining.cancelled() => return,
            accepted = next(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                let Some(place) = cap.enter(peer.ip()) else {
                    observe::connection_refused("too_many_from_one_address");
                    continue;
                };
                // Answers are one small packet; without this they may wait for the peer's acknowledgement.
                let _ = stream.set_nodelay(true);
                let connection = connections.clone().run(stream, peer.ip().to_canonical());
                tasks.spawn(async move {
                    connection.await;
                    drop((slot, place));
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
