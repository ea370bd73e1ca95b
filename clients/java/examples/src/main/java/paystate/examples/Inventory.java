package paystate.examples;

import io.grpc.ManagedChannel;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import paystate.client.Channels;
import paystate.client.Follower;
import paystate.client.PositionHandler;
import paystate.v1.Batch;
import paystate.v1.Event;
import paystate.v1.OrderState;

/**
 * An inventory service: takes goods out of stock when their order is paid, and puts them back when all of the money went
 * back. What an order is about stands in its description, "SKU xQUANTITY", for example "mug x2".
 *
 * <p>Kill it whenever you like: stock, journal and position change in one transaction, so no payment counts twice and none
 * is missed. Nothing is deduplicated by hand. Of two that run on one database, the second one fails.
 */
public final class Inventory implements PositionHandler<SQLException> {
    private static final Logger LOG = System.getLogger("inventory");

    /** What an order contains. */
    private record Goods(String sku, long quantity) {
        private static final Pattern DESCRIPTION = Pattern.compile("^(\\S+) x([1-9]\\d*)$");

        static Optional<Goods> of(String description) {
            Matcher found = DESCRIPTION.matcher(description);
            try {
                return found.matches()
                        ? Optional.of(new Goods(found.group(1), Long.parseLong(found.group(2))))
                        : Optional.empty();
            } catch (NumberFormatException tooMany) {
                return Optional.empty();
            }
        }
    }

    private final Stock stock;

    Inventory(Stock stock) {
        this.stock = stock;
    }

    @Override
    public Optional<String> position() throws SQLException {
        return stock.resumeToken();
    }

    @Override
    public void handle(Batch batch) throws SQLException {
        stock.begin();
        try {
            stock.movePosition(batch.getAfterRevision(), batch.getUpToRevision(), batch.getResumeToken());
            for (Event event : batch.getEventsList()) {
                apply(event);
            }
            stock.commit();
        } catch (SQLException | RuntimeException failure) {
            stock.rollback();
            throw failure;
        }
    }

    /** The event alone says what to do: whether the shop holds money for the goods before and after it. */
    private void apply(Event event) throws SQLException {
        boolean before = holds(event.getFromState());
        boolean after = holds(event.getToState());
        if (before == after) {
            return;
        }
        Optional<Goods> goods = Goods.of(event.getOrder().getDescription());
        if (goods.isEmpty()) {
            LOG.log(Level.WARNING, "order {0}: \"{1}\" is not SKU xQUANTITY: nothing in stock", event.getOrderId(),
                    event.getOrder().getDescription());
            return;
        }
        long quantity = goods.get().quantity();
        stock.move(event.getOrderId(), goods.get().sku(), after ? -quantity : quantity, event.getRevision());
    }

    private static boolean holds(OrderState state) {
        return state == OrderState.ORDER_STATE_PAID || state == OrderState.ORDER_STATE_PARTIALLY_REFUNDED;
    }

    /**
     * Runs the service, or prints what it has done.
     *
     * @param arguments {@code [--core URL] [--database FILE] [--report]}
     * @throws Exception ends the program
     */
    public static void main(String[] arguments) throws Exception {
        Arguments given = Arguments.parse(arguments, "core", "database", "report");
        Path database = Path.of(given.value("database", "inventory.db"));
        if (given.has("report")) {
            System.out.println(Stock.report(database));
            return;
        }
        ManagedChannel channel = Channels.open(given.value("core", "http://127.0.0.1:50051"));
        try (Stock stock = Stock.open(database)) {
            Follower.builder(channel).build().run(new Inventory(stock));
        } finally {
            channel.shutdownNow();
        }
    }
}
