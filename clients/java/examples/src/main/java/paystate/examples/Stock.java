package paystate.examples;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;

/** The inventory's own database: one SQLite file. */
final class Stock implements AutoCloseable {
    private static final String EMPTY_REPORT = "{\"applied\":{},\"returned\":{},\"revision\":0}";

    private static final String[] SCHEMA = {
        "PRAGMA journal_mode = WAL",
        // How many are left; below zero when more was sold than was ever put in.
        "CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, quantity INTEGER NOT NULL)",
        // Why: one row for each change. No unique key, so that an effect that came twice would show.
        "CREATE TABLE IF NOT EXISTS movement (order_id TEXT NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT NULL,"
                + " revision INTEGER NOT NULL)",
        // How far this database has read the log: one row. Made last: where it is, all is.
        "CREATE TABLE IF NOT EXISTS position (only INTEGER PRIMARY KEY CHECK (only = 1), resume_token TEXT NOT NULL,"
                + " revision INTEGER NOT NULL)",
    };

    private static final String REPORT = "SELECT json_object("
            + "'applied', json((SELECT json_group_object(order_id, n) FROM"
            + " (SELECT order_id, count(*) AS n FROM movement WHERE quantity < 0 GROUP BY order_id))),"
            + "'returned', json((SELECT json_group_object(order_id, n) FROM"
            + " (SELECT order_id, count(*) AS n FROM movement WHERE quantity > 0 GROUP BY order_id))),"
            + "'revision', (SELECT coalesce(max(revision), 0) FROM position))";

    private final Connection database;

    private Stock(Connection database) {
        this.database = database;
    }

    static Stock open(Path file) throws SQLException {
        Connection database = connect(file);
        for (String statement : SCHEMA) {
            execute(database, statement);
        }
        return new Stock(database);
    }

    /**
     * How often stock was taken for each order and how often it was put back, and how far the log was read; JSON. Only
     * reads, so that it works beside the service.
     */
    static String report(Path file) throws SQLException {
        if (!Files.exists(file)) {
            return EMPTY_REPORT;
        }
        try (Connection database = connect(file)) {
            boolean made = text(database, "SELECT name FROM sqlite_master WHERE name = 'position'").isPresent();
            return made ? text(database, REPORT).orElseThrow() : EMPTY_REPORT;
        }
    }

    Optional<String> resumeToken() throws SQLException {
        return text(database, "SELECT resume_token FROM position");
    }

    void begin() throws SQLException {
        database.setAutoCommit(false);
    }

    void commit() throws SQLException {
        database.commit();
        database.setAutoCommit(true);
    }

    void rollback() throws SQLException {
        database.rollback();
        database.setAutoCommit(true);
    }

    /** Takes out of stock (below zero) or puts back, and writes down why. */
    void move(String orderId, String sku, long quantity, long revision) throws SQLException {
        update("INSERT INTO movement (order_id, sku, quantity, revision) VALUES (?, ?, ?, ?)",
                orderId, sku, quantity, revision);
        update("INSERT INTO stock (sku, quantity) VALUES (?, ?)"
                + " ON CONFLICT (sku) DO UPDATE SET quantity = quantity + excluded.quantity", sku, quantity);
    }

    /**
     * Moves the position on. First in its transaction, so that of two processes the second one waits here, and then fails.
     *
     * @throws IllegalStateException if this database has not read the log exactly up to {@code after}
     */
    void movePosition(long after, long upTo, String resumeToken) throws SQLException {
        int moved = update("INSERT INTO position (only, resume_token, revision) VALUES (1, ?, ?) ON CONFLICT (only)"
                + " DO UPDATE SET resume_token = excluded.resume_token, revision = excluded.revision WHERE revision = ?",
                resumeToken, upTo, after);
        if (moved == 0) {
            throw new IllegalStateException("this database is no longer at revision " + after
                    + ": another inventory uses it too; stop one of the two");
        }
    }

    @Override
    public void close() throws SQLException {
        database.close();
    }

    private int update(String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = database.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) {
                statement.setObject(i + 1, values[i]);
            }
            return statement.executeUpdate();
        }
    }

    private static Connection connect(Path file) throws SQLException {
        Connection database = DriverManager.getConnection("jdbc:sqlite:" + file);
        execute(database, "PRAGMA busy_timeout = 10000");
        return database;
    }

    private static Optional<String> text(Connection database, String query) throws SQLException {
        try (Statement statement = database.createStatement();
                ResultSet row = statement.executeQuery(query)) {
            return row.next() ? Optional.of(row.getString(1)) : Optional.empty();
        }
    }

    private static void execute(Connection database, String sql) throws SQLException {
        try (Statement statement = database.createStatement()) {
            statement.execute(sql);
        }
    }
}
