//! The demo ends well, and says what it counted.

use crate::support::{paystate, run};

#[tokio::test]
async fn the_demo_proves_itself() {
    let (ok, out, err) = run(paystate(&["demo", "--orders", "80", "--seed", "7"])).await;
    assert!(ok, "{out}{err}");
    for expected in ["alipay", "wechatpay", "unionpay", "stripe", "checks hold.", "80 of 80 orders played"] {
        assert!(out.contains(expected), "{expected:?} is missing in {out}");
    }
    assert!(!out.contains("BROKEN") && !out.contains('\x1b'), "{out}");
}

#[tokio::test]
async fn the_demo_stays_true_in_chaos() {
    for seed in ["7", "8"] {
        let (ok, out, err) = run(paystate(&["demo", "--chaos", "--orders", "44", "--seed", seed])).await;
        assert!(ok, "{out}{err}");
        for expected in
            ["I12   holds", "I20   holds", "I23   holds", "I25   holds", "checks hold.", "44 of 44 orders played"]
        {
            assert!(out.contains(expected), "{expected:?} is missing in {out}");
        }
        assert!(!out.contains("BROKEN"), "{out}");
    }
}

#[tokio::test]
async fn nonsense_is_refused() {
    for args in [&["demo", "--orders", "0"][..], &["demo", "--seed", "x"], &["dance"], &["dev", "--data"]] {
        let (ok, out, err) = run(paystate(args)).await;
        assert!(!ok && out.is_empty() && err.contains("error:"), "{args:?}: {out}{err}");
    }
}

#[tokio::test]
async fn too_little_chaos_is_refused() {
    let (ok, out, err) = run(paystate(&["demo", "--chaos", "--orders", "8"])).await;
    assert!(!ok && out.is_empty() && err.contains("--chaos needs at least 24 orders"), "{out}{err}");
}
