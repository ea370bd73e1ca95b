package paystate.examples;

import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import paystate.client.Channels;
import paystate.client.RefusedException;
import paystate.v1.CreateOrderRequest;
import paystate.v1.Money;
import paystate.v1.Order;
import paystate.v1.OrderServiceGrpc;
import paystate.v1.OrderServiceGrpc.OrderServiceBlockingV2Stub;
import paystate.v1.OrderState;
import paystate.v1.PaymentMethod;
import paystate.v1.StartPaymentRequest;
import paystate.v1.WatchOrderRequest;
import paystate.v1.WatchOrderResponse;

/** An order service: creates an order, begins its payment, says how to pay, and waits until it is settled. */
public final class OrderService {
    private static final Money PRICE = Money.newBuilder().setAmountMinor(1999).setCurrency("CNY").build();

    private OrderService() {}

    /**
     * Plays one order.
     *
     * @param arguments {@code [--core URL] [--sandbox URL] [--account NAME]}
     * @throws Exception ends the program
     */
    public static void main(String[] arguments) throws Exception {
        Arguments given = Arguments.parse(arguments, "core", "sandbox", "account");
        String account = given.value("account", "alipay");
        String orderId = "J" + UUID.randomUUID().toString().replace("-", "").substring(0, 20);
        ManagedChannel channel = Channels.open(given.value("core", "http://127.0.0.1:50051"));
        try {
            OrderServiceBlockingV2Stub orders = OrderServiceGrpc.newBlockingV2Stub(channel);
            create(orders, orderId);
            startPayment(orders, orderId, account);
            System.out.printf("order %s waits for its payment. Pay with%n%n  curl -sk %s/pay -d '{\"account\":\"%s\","
                    + "\"out_trade_no\":\"%s\",\"amount_minor\":%d}'%n%n",
                    orderId, given.value("sandbox", "https://127.0.0.1:7443"), account, orderId, PRICE.getAmountMinor());
            System.exit(settled(orders, orderId) == OrderState.ORDER_STATE_PAID ? 0 : 1);
        } catch (StatusException failure) {
            System.err.println(RefusedException.of(failure).getMessage());
            System.exit(1);
        } finally {
            channel.shutdownNow();
        }
    }

    /** With a request_id, so that it may be repeated when the answer was lost. */
    private static void create(OrderServiceBlockingV2Stub orders, String orderId) throws StatusException {
        orders.createOrder(CreateOrderRequest.newBuilder()
                .setOrderId(orderId)
                .setAmount(PRICE)
                .setDescription("mug x2")
                .setRequestId("create-" + orderId)
                .build());
    }

    /** The shop's own code starts the payment at the platform; here the core learns of its number. */
    private static void startPayment(OrderServiceBlockingV2Stub orders, String orderId, String account)
            throws StatusException {
        orders.startPayment(StartPaymentRequest.newBuilder()
                .setOrderId(orderId)
                .setAccount(account)
                .setMethod(PaymentMethod.PAYMENT_METHOD_EXTERNAL)
                .setOutTradeNo(orderId)
                .setRequestId("pay-" + orderId)
                .build());
    }

    /**
     * Watches until nothing more is expected, and answers with the state. Only a final state says so, never the end of a
     * stream: a core that stops ends it too, and so does what is in between. Opened again, it begins with the order as it is.
     */
    static OrderState settled(OrderServiceBlockingV2Stub orders, String orderId)
            throws StatusException, InterruptedException {
        for (long limitMillis = 100; ; limitMillis = Math.min(2 * limitMillis, 5_000)) {
            try {
                OrderState state = watch(orders, orderId);
                if (isFinal(state)) {
                    return state;
                }
            } catch (StatusException failure) {
                if (!mayPass(failure.getStatus().getCode())) {
                    throw failure;
                }
            }
            // Random waits, so that not all who lost the same core come back at once.
            Thread.sleep(ThreadLocalRandom.current().nextLong(limitMillis));
        }
    }

    /** One stream, to its end: prints each change, and answers with the last state. Waits for a core that is away. */
    private static OrderState watch(OrderServiceBlockingV2Stub orders, String orderId)
            throws StatusException, InterruptedException {
        BlockingClientCall<?, WatchOrderResponse> watch = orders.withWaitForReady()
                .watchOrder(WatchOrderRequest.newBuilder().setOrderId(orderId).build());
        OrderState state = OrderState.ORDER_STATE_UNSPECIFIED;
        for (WatchOrderResponse message; (message = watch.read()) != null; ) {
            Order order = message.getOrder();
            state = order.getState();
            System.out.println("version " + order.getVersion() + ": " + state);
        }
        return state;
    }

    /** Whether nothing more is expected without somebody's doing. */
    private static boolean isFinal(OrderState state) {
        return switch (state) {
            case ORDER_STATE_PAID, ORDER_STATE_PARTIALLY_REFUNDED, ORDER_STATE_REFUNDED, ORDER_STATE_CLOSED,
                    ORDER_STATE_ABNORMAL -> true;
            default -> false;
        };
    }

    /** Whether the same call may succeed later. */
    private static boolean mayPass(Status.Code code) {
        return switch (code) {
            case UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL, RESOURCE_EXHAUSTED, ABORTED, UNKNOWN, CANCELLED -> true;
            default -> false;
        };
    }
}
