package paystate.examples;

import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import java.util.UUID;
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

    /** Watches until nothing more is expected. A stream that is lost is opened again: it begins with the order as it is. */
    static OrderState settled(OrderServiceBlockingV2Stub orders, String orderId)
            throws StatusException, InterruptedException {
        while (true) {
            try {
                return watch(orders, orderId);
            } catch (StatusException failure) {
                if (failure.getStatus().getCode() != Status.Code.UNAVAILABLE) {
                    throw failure;
                }
            }
        }
    }

    /** One stream, to the end that the core gives it. Waits for a core that is away. */
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
}
