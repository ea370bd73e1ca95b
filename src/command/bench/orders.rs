//! The shop's side of a run: makes the orders that the callbacks speak of, and looks what became of them.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use paystate_proto::v1::{self, OrderState, order_service_client::OrderServiceClient};
use paystate_providers::Provider;
use tokio::{task::JoinSet, time::sleep};
use tonic::{
    Code, Response, Status,
    transport::{Channel, Endpoint},
};

use super::{
    plan::Blank,
    prepare::{CURRENCY, Names, price},
    progress,
};

/// Orders being made at a time.
const AT_ONCE: usize = 128;
/// Before a call is made again.
const PAUSE: Duration = Duration::from_millis(500);
/// Orders in one question; the contract takes 500.
const PAGE: usize = 500;

/// Clients of the cores.
pub(super) struct Shop {
    cores: Vec<OrderServiceClient<Channel>>,
}

fn failed(status: Status) -> String {
    format!("the core answered {:?}: {}", status.code(), status.message())
}

impl Shop {
    pub(super) async fn connect(cores: &[SocketAddr]) -> Result<Self, String> {
        let mut clients = Vec::new();
        for core in cores {
            let endpoint = Endpoint::from_shared(format!("http://{core}")).map_err(|e| e.to_string())?;
            let channel = endpoint.connect().await.map_err(|e| format!("cannot reach the core at {core}: {e}"))?;
            clients.push(OrderServiceClient::new(channel));
        }
        Ok(Self { cores: clients })
    }

    /// Creates an order and registers its payment for each callback.
    pub(super) async fn sell(&self, names: &Names, blanks: &[Blank]) -> Result<(), String> {
        let progress = progress::bar(u64::try_from(blanks.len()).unwrap_or(u64::MAX), "orders made");
        let providers: Arc<Vec<Provider>> = Arc::new(blanks.iter().map(|b| b.provider).collect());
        let next = Arc::new(AtomicUsize::new(0));
        let mut sellers: JoinSet<Result<(), String>> = JoinSet::new();
        for client in self.cores.iter().cycle().take(AT_ONCE) {
            let (client, names, progress) = (client.clone(), names.clone(), progress.clone());
            let (providers, next) = (providers.clone(), next.clone());
            sellers.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(provider) = providers.get(number) else { return Ok(()) };
                    sell(&client, &names, number, *provider).await?;
                    progress.inc(1);
                }
            });
        }
        while let Some(ended) = sellers.join_next().await {
            ended.map_err(|e| e.to_string())??;
        }
        progress.finish_and_clear();
        Ok(())
    }

    /// Which of the first `count` orders are PAID.
    pub(super) async fn paid(&self, names: &Names, count: usize) -> Result<Vec<bool>, String> {
        let mut paid = Vec::with_capacity(count);
        let mut client = self.cores.first().cloned().ok_or("there is no core")?;
        for begin in (0..count).step_by(PAGE) {
            let order_ids: Vec<_> = (begin..count.min(begin + PAGE)).map(|n| names.name(n)).collect();
            let asked = order_ids.len();
            let answer = client.batch_get_orders(v1::BatchGetOrdersRequest { order_ids }).await.map_err(failed)?;
            let orders = answer.into_inner().orders;
            if orders.len() != asked {
                return Err(format!("{} of {asked} orders are missing in the core", asked - orders.len()));
            }
            paid.extend(orders.iter().map(|order| order.state() == OrderState::Paid));
        }
        Ok(paid)
    }
}

/// Tries of a call that the core could not carry out. Making orders is no part of what is measured, and a disk that stands
/// still for a second must not end it.
const TRIES: usize = 5;

/// A call that may be made again.
async fn persistent<T, F>(
    call: impl Fn(OrderServiceClient<Channel>) -> F,
    core: &OrderServiceClient<Channel>,
) -> Result<(), String>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let mut tries = 0;
    loop {
        tries += 1;
        match call(core.clone()).await {
            Ok(_) => return Ok(()),
            Err(status) if status.code() == Code::Unavailable && tries < TRIES => sleep(PAUSE).await,
            Err(status) => return Err(failed(status)),
        }
    }
}

async fn sell(
    core: &OrderServiceClient<Channel>,
    names: &Names,
    number: usize,
    provider: Provider,
) -> Result<(), String> {
    let name = names.name(number);
    let create = v1::CreateOrderRequest {
        order_id: name.clone(),
        amount: Some(v1::Money { amount_minor: price(number), currency: CURRENCY.as_str().into() }),
        request_id: format!("create-{name}"),
        expire_time: None,
        description: "bench".into(),
    };
    let create = |mut core: OrderServiceClient<Channel>| {
        let create = create.clone();
        async move { core.create_order(create).await }
    };
    persistent(create, core).await?;
    let start = v1::StartPaymentRequest {
        order_id: name.clone(),
        account: provider.as_str().into(),
        method: v1::PaymentMethod::External.into(),
        out_trade_no: name,
        ..Default::default()
    };
    let start = |mut core: OrderServiceClient<Channel>| {
        let start = start.clone();
        async move { core.start_payment(start).await }
    };
    persistent(start, core).await
}
