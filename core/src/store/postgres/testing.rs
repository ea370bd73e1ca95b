//! A database of its own for each test, cloned from a template that is migrated once per test run.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::sync::OnceCell;

use super::{Address, PostgresStore, migrate, migrator};

/// Drops its database when the test ends, well or not.
pub(super) struct Database {
    pub(super) url: String,
    name: String,
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = self.name.clone();
        // A destructor cannot wait, and the runtime of the test may be gone.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut admin = admin().await;
                let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                admin.execute(AssertSqlSafe(sql)).await.unwrap();
            });
        });
        dropping.join().unwrap();
    }
}

impl Database {
    /// Another database with the same content. Nobody may be connected to this one.
    pub(super) async fn copy(&self) -> Self {
        Self::made_from(&self.name).await
    }

    /// One in which nothing is.
    pub(super) async fn blank() -> Self {
        Self::made_from("template0").await
    }

    async fn made_from(template: &str) -> Self {
        let name = unique("test");
        let sql = format!("CREATE DATABASE {name} TEMPLATE {template}");
        admin().await.execute(AssertSqlSafe(sql)).await.unwrap();
        Self { url: url_of(&name), name }
    }
}

fn server() -> String {
    std::env::var("PAYSTATE_TEST_POSTGRES").unwrap_or_else(|_| {
        panic!("PAYSTATE_TEST_POSTGRES is not set: run tests/run, or tests/with-servers cargo test …")
    })
}

async fn admin() -> PgConnection {
    PgConnection::connect(&server()).await.unwrap()
}

/// The server's URL with another database.
fn url_of(database: &str) -> String {
    let server = server();
    let (rest, options) = server.split_once('?').map_or((server.as_str(), None), |(rest, o)| (rest, Some(o)));
    let authority = rest.trim_start_matches("postgres://").split('/').next().unwrap_or_default();
    let options = options.map(|o| format!("?{o}")).unwrap_or_default();
    format!("postgres://{authority}/{database}{options}")
}

fn unique(kind: &str) -> String {
    format!("paystate_{kind}_{}", uuid::Uuid::now_v7().simple())
}

/// Made by the first test that needs it, and kept on the server under the hash of its schema.
async fn template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE.get_or_init(make_template).await
}

async fn make_template() -> String {
    let steps: Vec<u8> = migrator().iter().flat_map(|step| step.checksum.to_vec()).collect();
    let schema = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &steps);
    let name = format!("paystate_template_{}", &hex::encode(schema)[..16]);
    let mut admin = admin().await;
    // Other test processes may be at it. The lock ends with the connection.
    admin.execute("SELECT pg_advisory_lock(20260101)").await.unwrap();
    let there =
        sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1").bind(&name).fetch_optional(&mut admin).await;
    if there.unwrap().is_none() {
        let draft = unique("draft");
        admin.execute(AssertSqlSafe(format!("CREATE DATABASE {draft}"))).await.unwrap();
        migrate(&Address::parse(&url_of(&draft), None).unwrap(), false).await.unwrap();
        admin.execute(AssertSqlSafe(format!("ALTER DATABASE {draft} RENAME TO {name}"))).await.unwrap();
    }
    admin.close().await.unwrap();
    name
}

/// An empty, migrated store.
pub(super) async fn empty() -> (PostgresStore, Database) {
    let database = Database::made_from(template().await).await;
    let store = PostgresStore::open(&Address::parse(&database.url, None).unwrap()).await.unwrap();
    (store, database)
}

/// The same, opened by a user who owns nothing and has the rights that docs/configuration.md grants, no others.
pub(super) async fn granted() -> (PostgresStore, Database) {
    const ROLE: &str = "paystate_test_core";
    let database = Database::made_from(template().await).await;
    // Roles belong to the server, where other tests are at it. The lock ends with the connection.
    let mut admin = admin().await;
    let role = format!("DO $$ BEGIN IF to_regrole('{ROLE}') IS NULL THEN CREATE ROLE {ROLE}; END IF; END $$");
    admin.execute("SELECT pg_advisory_lock(20260102)").await.unwrap();
    admin.execute(AssertSqlSafe(role)).await.unwrap();
    admin.close().await.unwrap();
    let mut owner = PgConnection::connect(&database.url).await.unwrap();
    let guide = include_str!("../../../../docs/configuration.md");
    let grants: Vec<_> =
        guide.lines().filter(|line| line.starts_with("GRANT ") && line.contains("paystate_core")).collect();
    assert_eq!(grants.len(), 3, "the guide grants what a core needs");
    owner.execute(AssertSqlSafe(grants.concat().replace("paystate_core", ROLE))).await.unwrap();
    owner.close().await.unwrap();
    let Address(options) = Address::parse(&database.url, None).unwrap();
    let store = PostgresStore::open(&Address(options.options([("role", ROLE)]))).await.unwrap();
    (store, database)
}
