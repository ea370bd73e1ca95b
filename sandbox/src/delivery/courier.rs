//! Brings one notice to the edge: waits, sends, and climbs the platform's ladder until the right
//! acknowledgement or the last retry.
//!
//! Every send is recorded when its answer is there, an acknowledgement in the same write.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::ladder;
use crate::{
    book::{AttemptResult, Notice, Pending, Record},
    platform,
    sandbox::Inner,
    stamp::Stamp,
};

/// Delivers a notice from where it stands. Ends early, without a trace, when the sandbox is dropped.
pub(crate) async fn deliver(inner: Arc<Inner>, pending: Pending) {
    let stop = inner.stop.clone();
    stop.run_until_cancelled(climb(&inner, &pending)).await;
}

async fn climb(inner: &Inner, pending: &Pending) {
    let notice = &pending.notice;
    let mut round = pending.rounds;
    let Some(mut wait) = first_wait(inner, pending) else {
        return give_up(inner, notice);
    };
    loop {
        tokio::time::sleep(wait).await;
        if attempt(inner, notice, round).await {
            return;
        }
        match ladder::wait_after(notice.provider, round, inner.time_compression) {
            Some(next) => wait = next,
            None => return give_up(inner, notice),
        }
        round += 1;
    }
}

/// A new notice waits as planned; a resumed one for the rest of its step. `None` after the last step.
fn first_wait(inner: &Inner, pending: &Pending) -> Option<Duration> {
    let Some(last_round) = pending.rounds.checked_sub(1) else {
        return Some(pending.notice.plan.delay);
    };
    let step = ladder::wait_after(pending.notice.provider, last_round, inner.time_compression)?;
    let since = pending.last_at.map_or(0, |last| Stamp::now().micros().saturating_sub(last.micros()));
    Some(step.saturating_sub(Duration::from_micros(u64::try_from(since).unwrap_or(0))))
}

/// One step of the ladder; true when the notice was acknowledged.
async fn attempt(inner: &Inner, notice: &Notice, round: usize) -> bool {
    let lost = usize::from(notice.plan.drop_first);
    if round < lost {
        record_attempt(inner, notice, round, false, AttemptResult::Lost);
        return false;
    }
    let copies = if round == lost { notice.plan.copies.max(1) } else { 1 };
    let sends = (0..copies).map(|copy| send(inner, notice, round, copy > 0));
    join_all(sends).await.contains(&true)
}

async fn send(inner: &Inner, notice: &Notice, round: usize, duplicate: bool) -> bool {
    // The semaphore is never closed, so there is always a slot in the end.
    let _slot = inner.slots.acquire().await;
    let request =
        platform::request(&inner.desk(), notice.provider, notice.signer, notice.body.clone(), Stamp::now().seconds());
    let answer = match request {
        Ok(request) => inner.edge.send(notice.provider, notice.url.as_deref(), request).await,
        Err(error) => Err(error.to_string()),
    };
    let result = match answer {
        Ok(answer) => {
            let acknowledged = platform::acknowledged(notice.provider, answer.status, &answer.body);
            AttemptResult::Answered { status: answer.status, acknowledged }
        }
        Err(error) => AttemptResult::Failed { error },
    };
    let acknowledged = matches!(result, AttemptResult::Answered { acknowledged: true, .. });
    record_attempt(inner, notice, round, duplicate, result);
    acknowledged
}

fn record_attempt(inner: &Inner, notice: &Notice, round: usize, duplicate: bool, result: AttemptResult) {
    let at = Stamp::now();
    let acknowledged = matches!(result, AttemptResult::Answered { acknowledged: true, .. });
    let mut records = vec![Record::Attempt { notice: notice.id.clone(), round, duplicate, result, at }];
    let mut book = inner.book();
    if acknowledged && book.state().pending().contains_key(&notice.id) {
        records.push(Record::Acked { notice: notice.id.clone(), at });
    }
    report(book.record(records));
}

fn give_up(inner: &Inner, notice: &Notice) {
    tracing::warn!(provider = %notice.provider, out_trade_no = notice.out_trade_no, "the last retry failed");
    report(inner.book().record(vec![Record::Exhausted { notice: notice.id.clone(), at: Stamp::now() }]));
}

/// A full disk must not stop the other deliveries; the notice then counts as not acknowledged.
fn report(result: Result<(), crate::SandboxError>) {
    if let Err(error) = result {
        tracing::error!(%error, "the journal was not written");
    }
}
