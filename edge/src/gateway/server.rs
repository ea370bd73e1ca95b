//! The gateway's listener, and who may call what.

use std::time::Duration;

use paystate_proto::v1::provider_gateway_service_server::ProviderGatewayServiceServer;
use paystate_rpc::{AccessLayer, Allowed, Callers, DeadlineLayer, MeterLayer, Role, Rule};
use tokio::{net::TcpListener, time::sleep};
use tokio_util::sync::CancellationToken;
use tonic::{server::NamedService as _, transport::Server};
use tonic_health::ServingStatus;

use super::Gateway;

/// To the beginning of an answer: more than a call to a platform may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Calls at a time on one connection of a core: as many as a core serves on one of its own, each of which may need a
/// platform. More wait at the core, within their time: to refuse a call would look like a question without an answer,
/// and those count against the platform.
const CALLS_PER_CONNECTION: u32 = 1024;

/// A core that does not answer a ping for this long is gone.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// From the end of accepting to the end of the last connection.
const DRAIN: Duration = Duration::from_secs(10);

/// Every method that the gateway serves. Only a core may make an edge call a platform; a test holds the table
/// against the contract.
const RULES: &[Rule] = &[
    rule("/grpc.health.v1.Health/Check", Allowed::Anyone),
    rule("/grpc.health.v1.Health/Watch", Allowed::Anyone),
    rule("/paystate.v1.ProviderGatewayService/Initiate", CORE),
    rule("/paystate.v1.ProviderGatewayService/QueryPayment", CORE),
    rule("/paystate.v1.ProviderGatewayService/ClosePayment", CORE),
    rule("/paystate.v1.ProviderGatewayService/Refund", CORE),
    rule("/paystate.v1.ProviderGatewayService/QueryRefund", CORE),
    rule("/paystate.v1.ProviderGatewayService/FetchStatement", CORE),
];

const CORE: Allowed = Allowed::Roles(&[Role::Core]);

const fn rule(method: &'static str, allowed: Allowed) -> Rule {
    Rule { method, allowed }
}

/// Serves `gateway` and the health service on `listener` until `shutdown`: then the health service turns, and after
/// `delay` the listener closes. Calls to platforms that are under way finish, whether or not the core still waits.
///
/// # Errors
/// If the transport fails.
pub async fn serve_gateway(
    listener: TcpListener,
    callers: Callers,
    gateway: Gateway,
    shutdown: CancellationToken,
    delay: Duration,
) -> Result<(), tonic::transport::Error> {
    super::observe::describe();
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<ProviderGatewayServiceServer<Gateway>>().await;
    let closing = CancellationToken::new();
    let server = Server::builder()
        .max_concurrent_streams(CALLS_PER_CONNECTION)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .layer(AccessLayer::new(RULES.iter().copied(), &callers))
        .layer(MeterLayer::new())
        .layer(DeadlineLayer::new(CALL_TIMEOUT))
        .add_service(health)
        .add_service(ProviderGatewayServiceServer::new(gateway.clone()))
        .serve_with_incoming_shutdown(paystate_rpc::incoming(listener, &callers), closing.clone().cancelled_owned());
    let close = async {
        shutdown.cancelled().await;
        for service in ["", ProviderGatewayServiceServer::<Gateway>::NAME] {
            reporter.set_service_status(service, ServingStatus::NotServing).await;
        }
        sleep(delay).await;
        closing.cancel();
    };
    let served = paystate_rpc::bounded(server, closing.clone(), DRAIN);
    let served = tokio::select! {
        served = served => served,
        never = async { close.await; std::future::pending().await } => never,
    };
    gateway.finish().await;
    served
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn every_method_of_the_gateway_has_one_rule_and_every_rule_a_method() {
        let mut contract = BTreeSet::new();
        for descriptors in [paystate_proto::FILE_DESCRIPTOR_SET, tonic_health::pb::FILE_DESCRIPTOR_SET] {
            for file in FileDescriptorSet::decode(descriptors).unwrap().file {
                let served = ["ProviderGatewayService", "Health"];
                for service in file.service.iter().filter(|service| served.contains(&service.name())) {
                    let path = |method: &str| format!("/{}.{}/{method}", file.package(), service.name());
                    contract.extend(service.method.iter().map(|method| path(method.name())));
                }
            }
        }
        let ruled: BTreeSet<_> = RULES.iter().map(|rule| rule.method.to_owned()).collect();
        assert_eq!(contract, ruled);
        assert_eq!(RULES.len(), ruled.len(), "a method has two rules");
    }
}
