//! Reconciliations over gRPC: begins them, takes statements from files, and shows what came of them.

use futures_util::{StreamExt as _, stream};
use paystate_proto::v1;
use tokio::task::JoinHandle;
use tonic::{Code, Response, Status, Streaming};

use super::{
    Core, audit,
    error::{self, Violations},
    page,
};
use crate::{
    clock::now,
    order::AccountName,
    reconcile::{self, Day, Plan},
    store::{
        Cursor, Difference, DifferenceKind, MoneyKind, Movement, Reconciliation, ReconciliationId, ReconciliationState,
        Run, StoreError,
    },
    wire,
};

impl Core {
    pub(super) async fn reconcile(
        &self,
        request: &v1::RunReconciliationRequest,
    ) -> Result<v1::RunReconciliationResponse, Status> {
        let (account, date, core) = (request.account.clone(), request.date.clone(), self.clone());
        let begun = self.tasks.spawn(async move {
            let (plan, run) = core.begin(&account, &date, false).await?;
            let (reconciliation_id, reconciler) = (plan.id.to_string(), core.reconciler);
            core.tasks.spawn(async move { reconciler.carry_out(&plan, &run, reconcile::LinesFrom::Platform).await });
            Ok(v1::RunReconciliationResponse { reconciliation_id })
        });
        outcome(begun).await
    }

    /// Carries the run out whether or not the caller waits; if the caller leaves before the last line, the run fails.
    pub(super) async fn import(
        &self,
        mut messages: Streaming<v1::ImportStatementRequest>,
        mut call: audit::Call,
    ) -> Result<Response<v1::ImportStatementResponse>, Status> {
        let Some(first) = messages.message().await? else {
            return call.ended(Err(Status::invalid_argument("no message came; the first one names account and date")));
        };
        call.about(&format!("{}/{}", first.account, first.date));
        let core = self.clone();
        let run = self.tasks.spawn(async move {
            let (plan, run) = core.begin(&first.account, &first.date, true).await?;
            let parts = stream::once(async { Ok(first) }).chain(messages).map(|message| {
                let message = message.map_err(|status| format!("it was not sent whole: {}", status.message()))?;
                Ok(reconcile::Part { lines: message.lines, line_count: message.line_count })
            });
            core.reconciler.carry_out(&plan, &run, reconcile::LinesFrom::Import(reconcile::read_parts(parts))).await;
            Ok(v1::ImportStatementResponse { reconciliation_id: plan.id.to_string() })
        });
        call.ended(outcome(run).await)
    }

    /// Call it in a task of its own: if the caller hung up after a run had begun and before it was carried out, that
    /// run would block the next one.
    async fn begin(&self, account: &str, date: &str, over: bool) -> Result<(Plan, Run), Status> {
        let mut v = Violations::default();
        let plan = self.plan(&mut v, account, date, over);
        let plan = v.finish(plan)?;
        let run = self.reconciler.begin(&plan.id).await.map_err(error::store)?;
        let running = || {
            let message = format!("{} is being reconciled; GetReconciliation shows how far it is", plan.id);
            error::status(Code::Aborted, "RECONCILIATION_RUNNING", &message)
        };
        Ok((plan.clone(), run.ok_or_else(running)?))
    }

    /// For a fetched statement the platform knows whether the day is whole, and makes none before. A file of a person
    /// may be incomplete, so for those the day must be over.
    fn plan(&self, v: &mut Violations, account: &str, date: &str, over: bool) -> Option<Plan> {
        let name = v.take("account", AccountName::parse(account))?;
        let Some(known) = self.intake.accounts().get(&name) else {
            v.add("account", "is not configured");
            return None;
        };
        let Some(day) = Day::parse(date, &known.platform.day) else {
            v.add("date", "is not a day, YYYY-MM-DD");
            return None;
        };
        if !day.has_begun(now()) || (over && !day.is_over(now())) {
            v.add("date", "is a day that is not over at the platform: its statement is not whole yet");
            return None;
        }
        Some(Plan {
            id: ReconciliationId { account: name, date: date.into() },
            platform: known.platform,
            day,
            fee_basis_points: known.calls.as_ref().and_then(|calls| calls.fee_basis_points),
        })
    }

    pub(super) async fn reconciliation(
        &self,
        request: &v1::GetReconciliationRequest,
    ) -> Result<v1::GetReconciliationResponse, Status> {
        let mut v = Violations::default();
        let id = ReconciliationId::parse(&request.reconciliation_id).ok_or("is not ACCOUNT/YYYY-MM-DD");
        let id = v.take("reconciliation_id", id);
        let page = page::request(&mut v, request.page_size, &request.page_token);
        let (id, page) = v.finish(id.zip(page))?;
        let runs = self.store.reconciliations();
        let Some(mut found) = runs.get(&id).await.map_err(error::store)? else {
            let message = format!("{id} was never reconciled; RunReconciliation begins it");
            return Err(error::status(Code::NotFound, "RECONCILIATION_NOT_FOUND", &message));
        };
        if let Some(detail) = self.next_day_is_stale(&found).await.map_err(error::store)? {
            found.detail = detail;
        }
        let after = page.after.map_or(0, |cursor| cursor.at);
        let mut differences = runs.differences(&id, after, page.limit + 1).await.map_err(error::store)?;
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let more = differences.len() > limit;
        differences.truncate(limit);
        let next = differences.last().filter(|_| more).map(|last| Cursor { at: last.seq, id: id.to_string() });
        Ok(response(found, differences, page::token(next.as_ref())))
    }
}

impl Core {
    /// Says so if the next day must be run again: it was reconciled before this day left movements to it.
    async fn next_day_is_stale(&self, found: &Reconciliation) -> Result<Option<String>, StoreError> {
        let (ReconciliationState::Done, Some(ended), Some(date)) =
            (found.state, found.ended_at, reconcile::date_after(&found.id.date))
        else {
            return Ok(None);
        };
        let runs = self.store.reconciliations();
        let next = ReconciliationId { date: date.into(), ..found.id.clone() };
        let early = runs
            .get(&next)
            .await?
            .is_some_and(|next| next.state == ReconciliationState::Done && next.started_at < ended);
        let stale = early && !runs.carried(&found.id, 0, 1).await?.is_empty();
        let date = &next.date;
        Ok(stale.then(|| {
            format!("movements near midnight are left to {date}, which was reconciled before; run {date} again")
        }))
    }
}

/// What came of a task.
async fn outcome<T>(task: JoinHandle<Result<T, Status>>) -> Result<T, Status> {
    task.await.map_err(|_| Status::internal("the run ended without a result; the log has the details"))?
}

fn response(found: Reconciliation, differences: Vec<Difference>, token: String) -> v1::GetReconciliationResponse {
    let dead = found.state == ReconciliationState::Running && found.leased_until.is_some_and(|until| until < now());
    let (state, detail) = match found.state {
        ReconciliationState::Running if dead => {
            (v1::ReconciliationState::Failed, "the core that ran it is gone; run it again".to_owned())
        }
        ReconciliationState::Running => (v1::ReconciliationState::Running, found.detail),
        ReconciliationState::Done => (v1::ReconciliationState::Done, found.detail),
        ReconciliationState::Failed => (v1::ReconciliationState::Failed, found.detail),
    };
    v1::GetReconciliationResponse {
        account: found.id.account.to_string(),
        date: found.id.date.to_string(),
        done: state != v1::ReconciliationState::Running,
        line_count: found.tally.lines,
        matched_count: found.tally.matched,
        case_ids: differences
            .iter()
            .filter_map(|difference| difference.case_id.as_ref())
            .map(ToString::to_string)
            .collect(),
        state: state.into(),
        detail,
        differences: differences.into_iter().map(difference).collect(),
        next_page_token: token,
        difference_count: found.tally.differences,
        carried_count: found.tally.carried,
        start_time: Some(wire::time(found.started_at)),
        end_time: found.ended_at.map(wire::time),
        fees_minor: found.tally.fees.into_iter().map(|(currency, sum)| (currency.into(), sum)).collect(),
    }
}

fn difference(found: Difference) -> v1::Difference {
    let Difference { kind, movement, recorded, order_id, cause, healed, case_id, .. } = found;
    let kind = match kind {
        DifferenceKind::MissingHere => v1::DifferenceKind::MissingHere,
        DifferenceKind::MissingThere => v1::DifferenceKind::MissingThere,
        DifferenceKind::Amount => v1::DifferenceKind::Amount,
        DifferenceKind::Status => v1::DifferenceKind::Status,
        DifferenceKind::Fee => v1::DifferenceKind::Fee,
        DifferenceKind::Repeated => v1::DifferenceKind::Repeated,
    };
    v1::Difference {
        kind: kind.into(),
        line_kind: line_kind(movement.kind).into(),
        out_trade_no: movement.out_trade_no.to_string(),
        transaction_id: movement.transaction_id.to_string(),
        out_refund_no: movement.out_refund_no.to_string(),
        recorded: recorded.map(wire::money),
        cause,
        healed,
        case_id: case_id.map(|id| id.to_string()).unwrap_or_default(),
        order_id: order_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        // Our record has no line: it is no place of a statement.
        line: (movement.number > 0).then(|| line(movement)),
    }
}

fn line(movement: Movement) -> v1::StatementLine {
    v1::StatementLine {
        number: movement.number,
        out_trade_no: movement.out_trade_no.into(),
        transaction_id: movement.transaction_id.into(),
        out_refund_no: movement.out_refund_no.into(),
        refund_id: movement.refund_id.into(),
        amount: Some(wire::money(movement.amount)),
        fee_minor: movement.fee_minor,
        occur_time: movement.occurred_at.map(wire::time),
        kind: line_kind(movement.kind).into(),
    }
}

fn line_kind(kind: MoneyKind) -> v1::StatementLineKind {
    match kind {
        MoneyKind::Payment => v1::StatementLineKind::Payment,
        MoneyKind::Refund => v1::StatementLineKind::Refund,
    }
}
