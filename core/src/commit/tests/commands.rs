//! Commands, repeated and refused, and the tasks that follow from them.

use super::*;

#[tokio::test]
async fn request_ids_make_commands_idempotent() {
    let rig = rig().await;
    let first = rig.door.command(request(create("o1"), Some("q"))).await.unwrap();
    assert_eq!(rig.door.command(request(create("o1"), Some("q"))).await.unwrap(), first);
    for other in [create("o2"), start("o1", "p1")] {
        let refused = rig.door.command(request(other, Some("q"))).await;
        assert!(matches!(refused, Err(DoorError::Refused(Refusal::RequestIdReused(_)))), "{refused:?}");
    }
    let refused = rig.door.command(request(create("o1"), Some("z"))).await;
    assert!(matches!(refused, Err(DoorError::Refused(Refusal::OrderExists(_)))));
    let begun = rig.door.command(request(start("o1", "p1"), None)).await.unwrap();
    assert_eq!(rig.door.command(request(start("o1", "p1"), None)).await.unwrap(), begun);
    rig.door.command(request(create("o2"), None)).await.unwrap();
    let taken = rig.door.command(request(start("o2", "p1"), None)).await;
    assert!(matches!(taken, Err(DoorError::Refused(Refusal::NumberTaken(_)))));
}

impl Rig {
    async fn due(&self, kind: TaskKind, subject: &str) -> Option<Timestamp> {
        self.store.tasks().due(&TaskKey { kind, subject: subject.into() }).await.unwrap()
    }
}

#[tokio::test]
async fn payments_are_followed_where_the_platform_can_be_called_and_hurried_when_the_order_is_to_end() {
    let expiring = || {
        let expires_at = Some(Timestamp(90));
        Command::Create { order_id: oid("o1"), amount: money(DUE), description: String::new(), expires_at }
    };
    let close = Command::Close { order_id: oid("o1"), payments_closed: false };
    let rig = rig_that_follows().await;
    rig.door.command(request(expiring(), None)).await.unwrap();
    rig.door.command(request(start("o1", "p1"), None)).await.unwrap();
    assert_eq!(rig.due(TaskKind::Expiry, "o1").await, Some(Timestamp(90)));
    assert_eq!(rig.due(TaskKind::Payment, "p1").await, Some(Timestamp(10_000_003)));
    rig.door.command(request(close.clone(), None)).await.unwrap();
    assert_eq!(rig.due(TaskKind::Payment, "p1").await, Some(Timestamp(3)));

    let nobody = super::rig().await;
    for command in [expiring(), start("o1", "p1"), close] {
        nobody.door.command(request(command, None)).await.unwrap();
    }
    assert_eq!((nobody.due(TaskKind::Expiry, "o1").await, nobody.due(TaskKind::Payment, "p1").await), (None, None));
}

/// Stored keys must be found again by every later version.
#[test]
fn the_fingerprint_of_a_command_does_not_change() {
    let print = |command: Command| request(command, None).fingerprint();
    let of = |written_out: &str| Sha256::of(written_out.as_bytes()).to_string();
    let begun = |method| Command::StartPayment {
        order_id: oid("o1"),
        out_trade_no: OutTradeNo::parse("p1").unwrap(),
        account: account(),
        provider: "alipay".into(),
        method,
        inputs: None,
        expires_at: Some(Timestamp(7)),
    };
    assert_eq!(print(create("o1")), of(r#"["CREATE","o1",1000,"CNY","",null]"#));
    assert_eq!(print(begun(Method::External)), of(r#"["START_PAYMENT","o1","p1","a","alipay"]"#));
    let page = of(r#"["START_PAYMENT","o1","p1","a","alipay","ALIPAY_PAGE",null]"#);
    assert_eq!(print(begun(Method::AlipayPage)), page);
    let back = of(r#"["REQUEST_REFUND","o1",null,null,"R1",400,"CNY","broken"]"#);
    assert_eq!(print(refunds::back("o1", "R1", 400)), back);
    let ruled = of(r#"["RESOLVE_CASE","c","REFUND","why","policy"]"#);
    let rule = Command::ResolveCase {
        case_id: "c".into(),
        resolution: Resolution::Refund,
        reason: "why".to_owned(),
        by: Resolver::Policy,
    };
    assert_eq!(print(rule), ruled);
}
