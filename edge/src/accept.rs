//! The accept loop. It ends only when it is told to: no error of a socket or a peer, and no full table of files, stops
//! it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::task::TaskTracker;

use crate::connection::Connections;

/// The pause after an error that does not go away at once, such as a full table of files.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts until `draining`, and then what is already in the kernel's backlog, which closing the listener would
/// cut. Runs each connection in a task of `tasks`, at most `slots` at a time.
pub(crate) async fn run(listener: TcpListener, slots: usize, connections: Connections, tasks: &TaskTracker) {
    let slots = Arc::new(Semaphore::new(slots));
    let entrance = Entrance { slots, connections, tasks };
    loop {
        let accepted = tokio::select! {
            biased;
            () = entrance.connections.draining.cancelled() => break,
            accepted = entrance.next(&listener) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => entrance.admit(stream, peer, slot),
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    if let Err(error) = entrance.backlog(listener) {
        tracing::warn!(%error, "connections that were not accepted yet are cut");
    }
}

struct Entrance<'a> {
    slots: Arc<Semaphore>,
    connections: Connections,
    tasks: &'a TaskTracker,
}

impl Entrance<'_> {
    /// Takes a slot first: while all are taken, callers wait in the kernel's backlog and cost nothing here.
    async fn next(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let slot = self.slots.clone().acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = listener.accept().await?;
        Ok((stream, peer, slot))
    }

    /// Empties the backlog as far as there are slots.
    fn backlog(&self, listener: TcpListener) -> io::Result<()> {
        let listener = listener.into_std()?;
        while let Ok(slot) = self.slots.clone().try_acquire_owned() {
            match waiting(&listener) {
                Ok(Some((stream, peer))) => self.admit(stream, peer, slot),
                Ok(None) => break,
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr, slot: OwnedSemaphorePermit) {
        // Answers are one small packet; otherwise they might wait for the peer's acknowledgement.
        let _ = stream.set_nodelay(true);
        let connection = self.connections.clone().run(stream, peer.ip().to_canonical());
        self.tasks.spawn(async move {
            connection.await;
            drop(slot);
        });
    }
}

/// The next connection of the backlog. Asks the kernel itself, because the runtime may not know yet of a connection
/// that has just come.
fn waiting(listener: &std::net::TcpListener) -> io::Result<Option<(TcpStream, SocketAddr)>> {
    match listener.accept() {
        Ok((stream, peer)) => {
            stream.set_nonblocking(true)?;
            Ok(Some((TcpStream::from_std(stream)?, peer)))
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    [ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted].contains(&error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_backlog_is_what_the_kernel_has_whether_the_runtime_knows_of_it_or_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // From here on the runtime must not get a turn.
        let callers = [(); 3].map(|()| std::net::TcpStream::connect(address).unwrap());
        let listener = listener.into_std().unwrap();
        for caller in &callers {
            assert_eq!(waiting(&listener).unwrap().unwrap().1, caller.local_addr().unwrap());
        }
        assert!(waiting(&listener).unwrap().is_none());
    }
}
