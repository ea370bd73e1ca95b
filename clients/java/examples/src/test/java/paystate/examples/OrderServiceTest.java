package paystate.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.stub.StreamObserver;
import java.util.Iterator;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import paystate.v1.Order;
import paystate.v1.OrderServiceGrpc;
import paystate.v1.OrderState;
import paystate.v1.WatchOrderRequest;
import paystate.v1.WatchOrderResponse;

@Timeout(60)
class OrderServiceTest {
    /** Shows a pending order and loses the stream with one status after the other; at last the order is paid. */
    private static final class Orders extends OrderServiceGrpc.OrderServiceImplBase {
        private final Iterator<Status> losses;

        Orders(Status... losses) {
            this.losses = List.of(losses).iterator();
        }

        @Override
        public void watchOrder(WatchOrderRequest request, StreamObserver<WatchOrderResponse> out) {
            boolean lost = losses.hasNext();
            OrderState state = lost ? OrderState.ORDER_STATE_PENDING : OrderState.ORDER_STATE_PAID;
            Order order = Order.newBuilder().setOrderId(request.getOrderId()).setState(state).build();
            out.onNext(WatchOrderResponse.newBuilder().setOrder(order).build());
            if (lost) {
                out.onError(losses.next().asException());
            } else {
                out.onCompleted();
            }
        }
    }

    private static OrderState settled(Status... losses) throws Exception {
        String name = InProcessServerBuilder.generateName();
        Server server = InProcessServerBuilder.forName(name).addService(new Orders(losses)).build().start();
        ManagedChannel channel = InProcessChannelBuilder.forName(name).build();
        try {
            return OrderService.settled(OrderServiceGrpc.newBlockingV2Stub(channel), "A1");
        } finally {
            channel.shutdownNow();
            server.shutdownNow();
        }
    }

    @Test
    void aLostStreamIsOpenedAgain() throws Exception {
        assertEquals(OrderState.ORDER_STATE_PAID, settled(Status.UNAVAILABLE, Status.UNAVAILABLE));
    }

    @Test
    void anythingElseEndsIt() {
        assertThrows(StatusException.class, () -> settled(Status.PERMISSION_DENIED));
    }
}
