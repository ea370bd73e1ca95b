//! Traffic that ends the same way whatever happens on the way: everything that a platform may do to an order, on every
//! platform, told by a shop and by payers that do not give up.

use std::time::Duration;

use futures_util::future::join_all;
use paystate_proto::v1;
use serde_json::json;

use super::Cluster;

/// One on each platform.
pub(crate) const ACCOUNTS: [&str; 4] = ["alipay", "wechatpay", "unionpay", "stripe"];

/// What becomes of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    /// Paid; every notice comes in three copies.
    Paid,
    /// Paid; the first notice is lost on the way.
    Lost,
    WrongAmount,
    PaidTwice,
    /// Paid, and some of it given back.
    PartlyRefunded,
    Refunded,
    /// Paid after the shop has closed it.
    Late,
    /// Paid long before the shop says what was paid.
    Early,
}

const SCENES: [Scene; 8] = [
    Scene::Paid,
    Scene::Lost,
    Scene::WrongAmount,
    Scene::PaidTwice,
    Scene::PartlyRefunded,
    Scene::Refunded,
    Scene::Late,
    Scene::Early,
];

/// One order.
#[derive(Debug, Clone, Copy)]
struct Story {
    n: usize,
    account: &'static str,
    scene: Scene,
    /// From the payment to its notice, so that notices are on their way all the time.
    delay: Duration,
}

/// A wave of orders, each scene once on each platform.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    wave: usize,
    time: Duration,
}

impl Script {
    /// The `wave`th wave; its notices leave over this time.
    pub(crate) fn wave(wave: usize, time: Duration) -> Self {
        Self { wave, time }
    }

    /// Plays it up to the point where every notice is acknowledged.
    pub(crate) async fn play(self, cluster: &Cluster) {
        join_all(self.stories().map(|story| story.play(cluster))).await;
        cluster.quiet().await;
        let early = self.stories().filter(|story| story.scene == Scene::Early);
        join_all(early.map(|story| story.sell(cluster))).await;
    }

    fn stories(&self) -> impl Iterator<Item = Story> {
        let all = ACCOUNTS.into_iter().flat_map(|account| SCENES.map(|scene| (account, scene)));
        let count = ACCOUNTS.len() * SCENES.len();
        let (first, step) = (self.wave * count, self.time / u32::try_from(count).unwrap());
        all.enumerate().map(move |(n, (account, scene))| {
            // Neighbours in time are of different platforms and scenes; 13 and 32 have no common divisor.
            let place = u32::try_from(n * 13 % count).unwrap();
            Story { n: first + n, account, scene, delay: step * place }
        })
    }
}

impl Story {
    fn order_id(&self) -> String {
        format!("{:?}-{}", self.scene, self.n)
    }

    fn number(&self) -> String {
        format!("SCRIPT{:06}", self.n)
    }

    fn amount(&self) -> i64 {
        1_000 + i64::try_from(self.n).unwrap()
    }

    async fn play(self, cluster: &Cluster) {
        if self.scene != Scene::Early {
            self.sell(cluster).await;
        }
        match self.scene {
            Scene::Paid => self.pay(cluster, self.amount(), 3, 0).await,
            Scene::Lost => self.pay(cluster, self.amount(), 1, 1).await,
            Scene::WrongAmount => self.pay(cluster, self.amount() / 2, 2, 0).await,
            Scene::PaidTwice => {
                self.pay(cluster, self.amount(), 1, 0).await;
                self.pay(cluster, self.amount(), 2, 0).await;
            }
            Scene::PartlyRefunded => {
                self.pay(cluster, self.amount(), 2, 0).await;
                self.refund(cluster, self.amount() / 2).await;
            }
            Scene::Refunded => {
                self.pay(cluster, self.amount(), 1, 0).await;
                self.refund(cluster, self.amount()).await;
            }
            Scene::Late => {
                self.close(cluster).await;
                self.pay(cluster, self.amount(), 2, 0).await;
            }
            Scene::Early => self.pay(cluster, self.amount(), 2, 0).await,
        }
    }

    async fn sell(self, cluster: &Cluster) {
        let (order, number) = (self.order_id(), self.number());
        let sell = async |mut shop: crate::support::Shop| shop.sell(&order, self.account, &number, self.amount()).await;
        cluster.insist(self.n, sell).await;
    }

    async fn close(self, cluster: &Cluster) {
        let close = async |mut shop: crate::support::Shop| {
            let reason = "sold out".to_owned();
            let request = v1::CloseOrderRequest { order_id: self.order_id(), reason, payments_closed_by_caller: true };
            shop.orders.close_order(request).await.map(drop)
        };
        cluster.insist(self.n, close).await;
    }

    async fn pay(self, cluster: &Cluster, amount_minor: i64, copies: u8, drop_first: u8) {
        let pay = json!({
            "account": self.account, "out_trade_no": self.number(), "amount_minor": amount_minor,
            "copies": copies, "drop_first": drop_first, "delay_ms": self.delay.as_millis(),
        });
        cluster.pay(&pay).await;
    }

    async fn refund(self, cluster: &Cluster, amount_minor: i64) {
        let refund = json!({
            "account": self.account, "out_trade_no": self.number(), "out_refund_no": format!("R{}", self.number()),
            "amount_minor": amount_minor, "copies": 2, "delay_ms": self.delay.as_millis(),
        });
        cluster.refund(&refund).await;
    }
}
