//! What the core asks of the edge: platform calls out. Not built yet: every method says so.

use std::time::Duration;

use paystate_proto::v1::{
    ClosePaymentRequest, ClosePaymentResponse, FetchStatementRequest, FetchStatementResponse, InitiateRequest,
    InitiateResponse, QueryPaymentRequest, QueryPaymentResponse, QueryRefundRequest, QueryRefundResponse,
    RefundRequest, RefundResponse,
    provider_gateway_service_server::{ProviderGatewayService, ProviderGatewayServiceServer},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Response, Status,
    codegen::BoxStream,
    transport::{Server, server::TcpIncoming},
};

/// A call takes longer than this only if the platform does; the core then treats the outcome as unknown.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Calls at a time on one connection of the core.
const CALLS_PER_CONNECTION: usize = 64;
/// Streams that a peer may open before it is refused; a little more than the calls that are served.
const STREAMS_PER_CONNECTION: u32 = 128;

/// The gateway.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gateway;

/// Serves the gateway and the health service on `listener` until `shutdown`.
///
/// # Errors
/// If the transport fails.
pub async fn serve_gateway(listener: TcpListener, shutdown: CancellationToken) -> Result<(), tonic::transport::Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<ProviderGatewayServiceServer<Gateway>>().await;
    Server::builder()
        .timeout(CALL_TIMEOUT)
        .load_shed(true)
        .concurrency_limit_per_connection(CALLS_PER_CONNECTION)
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .add_service(health)
        .add_service(ProviderGatewayServiceServer::new(Gateway))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), shutdown.cancelled_owned())
        .await
}

fn not_built(what: &str) -> Status {
    Status::unimplemented(format!("this edge cannot {what} yet: it only takes callbacks"))
}

#[tonic::async_trait]
impl ProviderGatewayService for Gateway {
    async fn initiate(&self, _: Request<InitiateRequest>) -> Result<Response<InitiateResponse>, Status> {
        Err(not_built("begin a payment at the platform"))
    }

    async fn query_payment(&self, _: Request<QueryPaymentRequest>) -> Result<Response<QueryPaymentResponse>, Status> {
        Err(not_built("ask the platform how a payment stands"))
    }

    async fn close_payment(&self, _: Request<ClosePaymentRequest>) -> Result<Response<ClosePaymentResponse>, Status> {
        Err(not_built("close a payment at the platform"))
    }

    async fn refund(&self, _: Request<RefundRequest>) -> Result<Response<RefundResponse>, Status> {
        Err(not_built("refund at the platform"))
    }

    async fn query_refund(&self, _: Request<QueryRefundRequest>) -> Result<Response<QueryRefundResponse>, Status> {
        Err(not_built("ask the platform how a refund stands"))
    }

    type FetchStatementStream = BoxStream<FetchStatementResponse>;

    async fn fetch_statement(
        &self,
        _: Request<FetchStatementRequest>,
    ) -> Result<Response<Self::FetchStatementStream>, Status> {
        Err(not_built("fetch a statement"))
    }
}
