package paystate.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import paystate.v1.Batch;
import paystate.v1.Event;
import paystate.v1.Order;
import paystate.v1.OrderState;

class InventoryTest {
    /** Says that an order with this description was paid. */
    private static Batch paid(long after, long revision, String orderId, String description) {
        Event event = Event.newBuilder()
                .setRevision(revision)
                .setOrderId(orderId)
                .setFromState(OrderState.ORDER_STATE_PENDING)
                .setToState(OrderState.ORDER_STATE_PAID)
                .setOrder(Order.newBuilder().setDescription(description))
                .build();
        return Batch.newBuilder()
                .setAfterRevision(after)
                .setUpToRevision(revision)
                .addEvents(event)
                .setResumeToken("t" + revision)
                .build();
    }

    @Test
    void ofTwoOnOneDatabaseTheSecondFailsAndChangesNothing(@TempDir Path dir) throws Exception {
        Path file = dir.resolve("inventory.db");
        try (Stock first = Stock.open(file);
                Stock second = Stock.open(file)) {
            Batch begin = paid(0, 3, "A1", "mug x2");
            new Inventory(first).handle(begin);
            assertThrows(IllegalStateException.class, () -> new Inventory(second).handle(begin));
            Batch further = paid(3, 4, "A2", "mug x2");
            new Inventory(second).handle(further);
            assertThrows(IllegalStateException.class, () -> new Inventory(first).handle(further));
        }
        assertEquals("{\"applied\":{\"A1\":1,\"A2\":1},\"returned\":{},\"revision\":4}", Stock.report(file));
    }

    @Test
    void whatCannotBeReadIsPassedOver(@TempDir Path dir) throws Exception {
        Path file = dir.resolve("inventory.db");
        try (Stock stock = Stock.open(file)) {
            Inventory inventory = new Inventory(stock);
            long revision = 0;
            for (String description : new String[] {
                "", "mug", "mug x0", "mug x02", "mug x2 ", " mug x2", "big mug x2", "mug x99999999999999999999"
            }) {
                inventory.handle(paid(revision, ++revision, "A" + revision, description));
            }
        }
        assertEquals("{\"applied\":{},\"returned\":{},\"revision\":8}", Stock.report(file));
    }
}
