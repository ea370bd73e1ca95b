//! When a call ends, and how a core does.

use std::{future::Future, time::Duration};

use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use paystate_proto::v1::{GetOrderRequest, order_service_client::OrderServiceClient};
use paystate_rpc::Callers;
use sqlx::Connection as _;
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Request, body::Body, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::rig::{PATIENCE, Rig, order, watch};

const SHORT: Duration = Duration::from_millis(500);

/// A client that leaves the deadline to the server. The usual one has a timer of its own, and CANCELLED is all that
/// it says when that is the first to fire.
fn patient(rig: &Rig) -> OrderServiceClient<Client<HttpConnector, Body>> {
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    OrderServiceClient::with_origin(client, format!("http://{}", rig.address).parse().unwrap())
}

fn within<T>(time: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(time);
    request
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it did not come in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waits_too_long_says_so() {
    let rig = Rig::start(Callers::Anybody, Duration::ZERO).await;
    let mut orders = patient(&rig);
    // Somebody else is writing, for as long as this test likes.
    let url = format!("sqlite:{}", rig.database.display());
    let mut writer = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut writer).await.unwrap();
    let started = Instant::now();
    let late = soon(orders.create_order(within(SHORT, order("o1")))).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded, "{late:?}");
    assert!(started.elapsed() > SHORT / 2, "it was not waited for");
    // Only the waiting has ended: what was admitted is carried out.
    sqlx::query("ROLLBACK").execute(&mut writer).await.unwrap();
    let carried_out = async {
        while orders.get_order(GetOrderRequest { order_id: "o1".into() }).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    soon(carried_out).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_at_its_callers_deadline() {
    let rig = Rig::start(Callers::Anybody, Duration::ZERO).await;
    let mut orders = patient(&rig);
    orders.create_order(order("o1")).await.unwrap();
    let mut timed = orders.watch_order(within(SHORT, watch("o1"))).await.unwrap().into_inner();
    let mut free = orders.watch_order(watch("o1")).await.unwrap().into_inner();
    assert!(soon(timed.message()).await.unwrap().is_some());
    assert!(soon(free.message()).await.unwrap().is_some());
    assert_eq!(soon(timed.message()).await.unwrap_err().code(), Code::DeadlineExceeded);
    assert!(timeout(SHORT, free.message()).await.is_err(), "a stream without a deadline was cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_turns_before_anything_closes() {
    let rig = Rig::start(Callers::Anybody, Duration::from_secs(3600)).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", rig.address)).unwrap();
    let mut health = HealthClient::new(paystate_rpc::channel(endpoint.clone(), None));
    let mut orders = patient(&rig);
    orders.create_order(order("o1")).await.unwrap();
    let mut stream = orders.watch_order(watch("o1")).await.unwrap().into_inner();
    assert!(soon(stream.message()).await.unwrap().is_some());

    rig.shutdown.cancel();
    let turned = async {
        while health.check(HealthCheckRequest::default()).await.unwrap().into_inner().status() == ServingStatus::Serving
        {
            sleep(Duration::from_millis(20)).await;
        }
    };
    soon(turned).await;
    let mut late = OrderServiceClient::new(paystate_rpc::channel(endpoint, None));
    late.create_order(order("o2")).await.unwrap();
    assert!(timeout(SHORT, stream.message()).await.is_err(), "the stream ended too early");
    assert!(!rig.served.is_finished());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_does_not_keep_a_core_that_stops() {
    let rig = Rig::start(Callers::Anybody, Duration::from_millis(200)).await;
    let mut orders = patient(&rig);
    orders.create_order(order("o1")).await.unwrap();
    let mut stream = orders.watch_order(watch("o1")).await.unwrap().into_inner();
    assert!(soon(stream.message()).await.unwrap().is_some());
    rig.shutdown.cancel();
    // The end alone would say that nothing more is expected of an order that may yet be paid.
    let ended = soon(stream.message()).await.unwrap_err();
    assert_eq!(ended.code(), tonic::Code::Unavailable, "{ended}");
    soon(rig.served).await.unwrap().unwrap();
}
