//! What is stored, and what is generated.

use super::*;

#[test]
fn every_allowed_name_reads_back() {
    for state in State::ALL {
        assert_eq!(State::parse(state.as_str()), Some(state));
    }
    for kind in EventKind::ALL {
        assert_eq!(EventKind::parse(kind.as_str()), Some(kind));
    }
    for kind in CaseKind::ALL {
        assert_eq!(CaseKind::parse(kind.as_str()), Some(kind));
    }
}

#[test]
fn states_document_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/states.md");
    if std::env::var_os("PAYSTATE_UPDATE").is_some() {
        std::fs::write(&path, moves::document()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), moves::document());
}

/// As version 0.1.0 wrote it.
const OLD: &str = r#"{"id":"o1","amount":{"minor":1000,"currency":"CNY"},"description":"","version":4,"created_at":1,"updated_at":2,"expires_at":null,"ending":{"is":"OPEN"},"payments":[{"out_trade_no":"p0","account":"a","provider":"alipay","status":"SUCCEEDED","started_at":1,"transactions":[{"id":"t1","account":"a","amount":{"minor":1000,"currency":"CNY"},"fit":"FITS","occurred_at":null}]}],"refunds":[{"account":"a","out_trade_no":null,"transaction_id":"t1","out_refund_no":null,"refund_id":"r1","status":"SUCCEEDED","amount":{"minor":400,"currency":"CNY"},"cumulative":false,"updated_at":2}],"open_cases":[]}"#;

/// An order that nothing new happened to is stored as ever: `verify` compares documents byte by byte.
#[test]
fn orders_of_older_versions_read_and_are_written_as_before() {
    let order: Order = serde_json::from_str(OLD).unwrap();
    assert_eq!((order.state(), order.refunded().minor()), (State::PartiallyRefunded, 400));
    assert_eq!((order.payments[0].method, order.ruled_cases.len()), (Method::External, 0));
    assert_eq!(serde_json::to_string(&order).unwrap(), OLD);
    let paid = [paid("a", "p0", "t1", money(DUE, "CNY")), refund("a", "t1", Some("r1"), RefundStatus::Succeeded, 400)];
    let mut today = see(pending(), &paid);
    today.payments.truncate(1);
    today.version = 4;
    assert_eq!(serde_json::to_string(&today).unwrap(), OLD);
}
