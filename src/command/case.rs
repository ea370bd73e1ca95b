//! `paystate case`: what a person must settle.

use clap::{Args, Subcommand, ValueEnum};
use paystate_client::{
    Channel,
    v1::{self, operations_service_client::OperationsServiceClient},
};

use super::{
    order::money,
    remote::{Remote, failed, json, table, time},
    say,
    selection::bare,
};

/// Cases are read in pages of so many.
const PAGE: i32 = 500;

type Client = OperationsServiceClient<Channel>;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    remote: Remote,
    /// Prints messages of the contract as JSON, one a line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists cases, newest first.
    List {
        /// Lists settled ones as well.
        #[arg(long)]
        all: bool,
        /// Only of this order.
        #[arg(long, value_name = "ORDER_ID", default_value = "")]
        order: String,
    },
    /// Shows one, and how it may be settled.
    Show {
        /// The case's id.
        case_id: String,
    },
    /// Settles one. The platforms are asked first how things stand.
    Resolve {
        /// The case's id.
        case_id: String,
        /// How it is settled; `show` says what is allowed.
        resolution: Ruling,
        /// Why; the next person who looks at it will want to know.
        #[arg(long)]
        reason: String,
    },
    /// Says who looks after one.
    Assign {
        /// The case's id.
        case_id: String,
        /// The new owner, at most 64 characters; leave it out for nobody.
        #[arg(default_value = "")]
        owner: String,
    },
}

/// How a case is settled by hand.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Ruling {
    /// The money is accepted as it is.
    Accept,
    /// The money goes back.
    Refund,
    /// The order ends.
    Close,
    /// Nothing needs doing.
    Ignore,
}

pub(super) async fn run(options: Options) -> Result<(), String> {
    let Options { remote, json, command } = options;
    let client = OperationsServiceClient::new(remote.open().await?);
    let answer = match command {
        Command::List { all, order } => Answer::All(list(client, all, order).await?),
        Command::Show { case_id } => Answer::One(show(client, case_id).await?),
        Command::Resolve { case_id, resolution, reason } => resolve(client, case_id, resolution, reason).await?,
        Command::Assign { case_id, owner } => assign(client, case_id, owner).await?,
    };
    say(&if json { answer.json()? } else { answer.text() });
    Ok(())
}

/// What a command prints.
enum Answer {
    One(Box<v1::Case>),
    All(Vec<v1::Case>),
}

impl Answer {
    fn text(&self) -> String {
        match self {
            Self::One(case) => one_text(case),
            Self::All(all) if all.is_empty() => "There is no case.".to_owned(),
            Self::All(all) => {
                let headings = ["CASE_ID", "KIND", "STATE", "ORDER", "OPENED", "DUE", "OWNER"];
                table(&headings, &all.iter().map(row).collect::<Vec<_>>())
            }
        }
    }

    fn json(&self) -> Result<String, String> {
        match self {
            Self::One(case) => json("Case", case.as_ref()),
            Self::All(all) => {
                let lines: Result<Vec<_>, _> = all.iter().map(|case| json("Case", case)).collect();
                Ok(lines?.join("\n"))
            }
        }
    }
}

fn row(case: &v1::Case) -> Vec<String> {
    let (kind, state) = (bare(case.kind().as_str_name()), bare(case.state().as_str_name()));
    let (opened, due) = (time(case.open_time.as_ref()), time(case.due_time.as_ref()));
    vec![case.case_id.clone(), kind.into(), state.into(), case.order_id.clone(), opened, due, case.owner.clone()]
}

/// One case, a line for each thing that is known of it.
fn one_text(case: &v1::Case) -> String {
    let allowed: Vec<_> = case.allowed_resolutions().map(|r| bare(r.as_str_name()).to_ascii_lowercase()).collect();
    let settled = match case.state() {
        v1::CaseState::Resolved => {
            let by = if case.resolver.is_empty() { "news" } else { &case.resolver };
            format!("{} by {by}: {}", bare(case.resolution().as_str_name()), case.resolve_reason)
        }
        v1::CaseState::Open | v1::CaseState::Unspecified => format!("open; may be settled with {}", allowed.join(", ")),
    };
    let lines = [
        ("case", case.case_id.clone()),
        ("summary", case.summary.clone()),
        ("state", settled),
        ("order", case.order_id.clone()),
        ("account", case.account.clone()),
        ("payment", case.out_trade_no.clone()),
        ("transaction", case.transaction_id.clone()),
        ("expected", money(case.expected.as_ref())),
        ("observed", money(case.observed.as_ref())),
        ("evidence", case.evidence.clone()),
        ("opened", time(case.open_time.as_ref())),
        ("due", time(case.due_time.as_ref())),
        ("owner", case.owner.clone()),
    ];
    let there = lines.iter().filter(|(_, is)| !is.is_empty());
    there.map(|(what, is)| format!("{what:<12} {is}")).collect::<Vec<_>>().join("\n")
}

async fn list(mut client: Client, all: bool, order_id: String) -> Result<Vec<v1::Case>, String> {
    let state = if all { v1::CaseState::Unspecified } else { v1::CaseState::Open }.into();
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let order_id = order_id.clone();
        let request = v1::ListCasesRequest { state, order_id, page_size: PAGE, page_token, ..Default::default() };
        let page = client.list_cases(request).await.map_err(failed)?.into_inner();
        found.extend(page.cases);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(found);
        }
    }
}

async fn show(mut client: Client, case_id: String) -> Result<Box<v1::Case>, String> {
    let found = client.get_case(v1::GetCaseRequest { case_id }).await.map_err(failed)?.into_inner().case;
    found.map(Box::new).ok_or_else(nothing)
}

async fn resolve(mut client: Client, case_id: String, ruling: Ruling, reason: String) -> Result<Answer, String> {
    let resolution = match ruling {
        Ruling::Accept => v1::CaseResolution::Accept,
        Ruling::Refund => v1::CaseResolution::Refund,
        Ruling::Close => v1::CaseResolution::Close,
        Ruling::Ignore => v1::CaseResolution::Ignore,
    };
    let resolution = resolution.into();
    let request = v1::ResolveCaseRequest { case_id, resolution, reason, ..Default::default() };
    one(client.resolve_case(request).await.map_err(failed)?.into_inner().case)
}

async fn assign(mut client: Client, case_id: String, owner: String) -> Result<Answer, String> {
    let request = v1::AssignCaseRequest { case_id, owner };
    one(client.assign_case(request).await.map_err(failed)?.into_inner().case)
}

fn nothing() -> String {
    "the core answered without a case, which is a fault of it".to_owned()
}

fn one(case: Option<v1::Case>) -> Result<Answer, String> {
    case.map(|case| Answer::One(Box::new(case))).ok_or_else(nothing)
}
