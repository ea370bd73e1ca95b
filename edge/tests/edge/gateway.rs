//! The gateway is there, healthy, and says that it cannot do anything yet.

use std::time::Duration;

use paystate_edge::gateway::serve_gateway;
use paystate_proto::v1::{RefundRequest, provider_gateway_service_client::ProviderGatewayServiceClient};
use paystate_rpc::Callers;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::core::channel;

#[tokio::test]
async fn every_method_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = channel(&listener.local_addr().unwrap().to_string());
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(serve_gateway(listener, Callers::Anybody, shutdown.clone(), Duration::ZERO));
    let mut health = HealthClient::new(channel.clone());
    for service in ["", "paystate.v1.ProviderGatewayService"] {
        let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap();
        assert_eq!(answer.into_inner().status(), ServingStatus::Serving);
    }
    let mut gateway = ProviderGatewayServiceClient::new(channel);
    let status = gateway.refund(RefundRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("refund"), "{status}");
    drop((health, gateway));
    shutdown.cancel();
    served.await.unwrap().unwrap();
}
