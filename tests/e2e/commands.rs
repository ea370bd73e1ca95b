//! What an operator asks of a running core with the binary itself.

use std::{collections::BTreeSet, convert::Infallible};

use paystate_client::{Connect, Subscriber, SubscriptionHandler, Unhandled};
use paystate_proto::v1::{self, OrderState};
use serde_json::{Value, json};

use crate::support::{Process, paystate, quiet_address, run, sandbox, until};

/// Runs a command at the core of `dev`; answers with success, standard output and standard error.
async fn ask(dev: &Process, words: &str) -> (bool, String, String) {
    let core = format!("http://{}", dev.address("core"));
    let words: Vec<&str> = words.split(' ').chain(["--core", &core]).collect();
    run(paystate(&words)).await
}

/// Like [`ask`], of something that must work.
async fn told(dev: &Process, words: &str) -> String {
    let (ok, out, err) = ask(dev, words).await;
    assert!(ok, "{words}: {out}{err}");
    out
}

/// An order `A1` that is paid, another that is not.
async fn traffic(dev: &Process, data: &std::path::Path) {
    let mut shop = dev.shop().await;
    shop.sell("A1", "alipay", "COMMANDS01", 1_999).await.unwrap();
    shop.sell("A2", "stripe", "COMMANDS02", 1_999).await.unwrap();
    let pay = json!({"account": "alipay", "out_trade_no": "COMMANDS01", "amount_minor": 1_999});
    sandbox(dev, data, "pay", &pay).await.unwrap();
    shop.until("A1", OrderState::Paid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_printed_for_people_and_for_scripts_and_go_on_from_a_token() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let dev = Process::dev(&data, &[]).await;
    traffic(&dev, &data).await;

    let all = told(&dev, "events tail --from earliest --until-head").await;
    let lines: Vec<_> = all.lines().collect();
    assert_eq!(lines.len(), 6, "five events, and where to go on: {all}");
    assert!(lines[4].contains("A1") && lines[4].contains("PAYMENT_SUCCEEDED  PENDING -> PAID"), "{all}");
    let token = lines[5].strip_prefix("up to revision 5; to go on: --from ").unwrap();
    let more = told(&dev, &format!("events tail --from {token} --until-head")).await;
    assert!(!more.contains("A1"), "{more}");

    // Filtered batches are chained too, up to the head.
    let paid = told(&dev, "events tail --from earliest --until-head --json --state paid").await;
    let batches: Vec<Value> = paid.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&Value> = batches.iter().flat_map(|b| b["events"].as_array().into_iter().flatten()).collect();
    assert_eq!(events.len(), 1, "{paid}");
    assert_eq!((&events[0]["orderId"], &events[0]["order"]["state"]), (&json!("A1"), &json!("ORDER_STATE_PAID")));
    assert_eq!(batches.last().unwrap()["upToRevision"], "5");

    for (words, expected) in [
        ("events tail --state payed", "there are created, pending"),
        ("events tail --from yesterday", "a time is written"),
        ("events tail --from AAAABBBBCCCCDDDDEEEE", "RESUME_TOKEN_MALFORMED"),
        ("events tail --from 999 --until-head", "REVISION_AHEAD"),
        ("events tail --certificate x", "--key"),
        ("events tail --ca nowhere.crt", "--ca: cannot read nowhere.crt"),
    ] {
        let (ok, out, err) = ask(&dev, words).await;
        assert!(!ok && err.contains(expected), "{words}: {out}{err}");
    }
    let gone = format!("events tail --core http://{}", quiet_address());
    let (ok, _, err) = run(paystate(&gone.split(' ').collect::<Vec<_>>())).await;
    assert!(!ok && err.contains("cannot reach") && err.contains("--core"), "{err}");
    assert!(dev.terminate().await);
}

/// Cannot handle one order. What is sent twice counts once.
struct Mails {
    poison: &'static str,
    sent: BTreeSet<String>,
}

impl SubscriptionHandler for Mails {
    type Error = Infallible;

    async fn handle(&mut self, batch: v1::Batch) -> Result<(), Unhandled<Infallible>> {
        for event in batch.events {
            if event.order_id == self.poison {
                let reason = "no address".to_owned();
                return Err(Unhandled::Unprocessable { event_id: event.event_id, reason });
            }
            self.sent.insert(format!("{} {}", event.order_id, event.kind().as_str_name()));
        }
        Ok(())
    }
}

/// Handles what waits, until nothing does.
async fn mails(dev: &Process, poison: &'static str) -> Vec<String> {
    let channel = Connect::to(format!("http://{}", dev.address("core"))).lazy().unwrap();
    let mut mails = Mails { poison, sent: BTreeSet::new() };
    let nothing_waits = async || told(dev, "subscription get mails").await.contains("waiting            nothing");
    tokio::select! {
        ended = Subscriber::new(channel, "mails").run(&mut mails) => panic!("{ended:?}"),
        () = until("the end of the backlog", nothing_waits) => {}
    }
    mails.sent.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_kept_from_its_creation_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let dev = Process::dev(&data, &[]).await;
    assert_eq!(told(&dev, "subscription list").await, "There is no subscription.\n");
    let created = told(&dev, "subscription create mails --max-attempts 7").await;
    assert!(created.contains("filter             everything") && created.contains("after 7 failed"), "{created}");
    traffic(&dev, &data).await;
    let list = told(&dev, "subscription list").await;
    assert!(list.starts_with("NAME") && list.lines().nth(1).unwrap().starts_with("mails  0"), "{list}");

    // A2 is poison: its first event is parked, its second waits behind it, and A1 goes on.
    let sent = mails(&dev, "A2").await;
    assert!(sent.len() == 3 && sent.iter().all(|mail| mail.starts_with("A1 ")), "{sent:?}");
    until("what is held back", async || told(&dev, "subscription parked mails").await.lines().count() == 3).await;
    let parked = told(&dev, "subscription parked mails").await;
    assert!(parked.lines().nth(1).unwrap().ends_with("no address"), "{parked}");
    let parked: Value =
        serde_json::from_str(told(&dev, "subscription parked mails --json").await.lines().next().unwrap()).unwrap();
    let event_id = parked["event"]["eventId"].as_str().unwrap();
    let redriven = told(&dev, &format!("subscription redrive mails {event_id}")).await;
    assert!(redriven.contains("will be delivered again"), "{redriven}");
    let sent = mails(&dev, "nobody").await;
    assert_eq!(sent, ["A2 EVENT_KIND_ORDER_CREATED", "A2 EVENT_KIND_PAYMENT_STARTED"]);

    // What is given is changed, the rest stays.
    let narrowed = told(&dev, "subscription update mails --kind payment-succeeded --order A1").await;
    assert!(narrowed.contains("PAYMENT_SUCCEEDED, order A1") && narrowed.contains("after 7 failed"), "{narrowed}");
    let limited = told(&dev, "subscription update mails --max-attempts 0").await;
    assert!(limited.contains("PAYMENT_SUCCEEDED, order A1") && limited.contains("never by themselves"), "{limited}");
    let moved: Value = serde_json::from_str(&told(&dev, "subscription seek mails --to earliest --json").await).unwrap();
    assert_eq!((&moved["backlogCount"], &moved["name"]), (&json!("1"), &json!("mails")));
    let shown = told(&dev, "subscription get mails").await;
    assert!(shown.contains("waiting            1, the oldest for"), "{shown}");

    for (words, expected) in [
        ("subscription create mails --order B1", "SUBSCRIPTION_ALREADY_EXISTS"),
        ("subscription get nobody", "SUBSCRIPTION_NOT_FOUND"),
        ("subscription update mails", "nothing to change"),
        ("subscription update mails --no-filter --order A1", "contradicts"),
        ("subscription redrive mails", "EVENT_ID"),
        ("subscription create Mails", "name"),
    ] {
        let (ok, out, err) = ask(&dev, words).await;
        assert!(!ok && err.contains(expected), "{words}: {out}{err}");
    }
    assert_eq!(told(&dev, "subscription delete mails").await, "mails is deleted\n");
    assert_eq!(told(&dev, "subscription list --json").await.trim(), "");
    assert!(dev.terminate().await);
}
