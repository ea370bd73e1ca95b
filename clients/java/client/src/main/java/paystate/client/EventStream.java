package paystate.client;

import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import paystate.v1.StreamEventsRequest;
import paystate.v1.StreamEventsResponse;
import paystate.v1.SubscriptionServiceGrpc.SubscriptionServiceBlockingV2Stub;

/** One call of StreamEvents that may not be quiet for too long. */
final class EventStream implements AutoCloseable {
    private final BlockingClientCall<?, StreamEventsResponse> call;
    private final Duration quietAfter;

    EventStream(SubscriptionServiceBlockingV2Stub core, StreamEventsRequest request, Duration quietAfter) {
        this.call = core.streamEvents(request);
        this.quietAfter = quietAfter;
    }

    /**
     * Waits for the next message.
     *
     * @return null when the core has ended the stream
     */
    StreamEventsResponse next() throws LostException, InterruptedException {
        try {
            return call.read(quietAfter.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException quiet) {
            throw new LostException("nothing came for " + quietAfter.toMillis() + " ms");
        } catch (StatusException failure) {
            throw Failures.lost(failure);
        }
    }

    /** Ends the call, from any thread. */
    @Override
    public void close() {
        call.cancel("closed", null);
    }
}
