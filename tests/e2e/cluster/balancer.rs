//! Gives connections to servers in turn, as a balancer in front of several edges does; TLS passes through.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A running balancer on a loopback port that the kernel chose.
pub(super) struct Balancer {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Balancer {
    pub(super) async fn start(servers: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            for server in servers.into_iter().cycle() {
                let (mut client, _) = listener.accept().await.unwrap();
                connections.spawn(async move {
                    // A server that is gone, or a side that breaks off, ends this connection and no other.
                    if let Ok(mut server) = TcpStream::connect(server).await {
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self { address, _tasks: tasks }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}
