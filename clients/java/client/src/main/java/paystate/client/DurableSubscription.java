package paystate.client;

import io.grpc.StatusException;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import paystate.v1.AcknowledgeRequest;
import paystate.v1.Batch;
import paystate.v1.Opened;
import paystate.v1.ParkRequest;
import paystate.v1.StreamEventsRequest;
import paystate.v1.SubscriptionServiceGrpc.SubscriptionServiceBlockingV2Stub;

/** The core keeps the position: each stream begins where it says, and what was handled is acknowledged with its lease. */
final class DurableSubscription<E extends Exception> implements Reading<E> {
    /** How deep an exception is looked into; causes may go in a circle. */
    private static final int CAUSES = 100;

    private static final long DEADLINE_SECONDS = 30;

    private final SubscriptionServiceBlockingV2Stub core;
    private final String name;
    private final Handler<E> handler;
    private String lease;

    DurableSubscription(SubscriptionServiceBlockingV2Stub core, String name, Handler<E> handler) {
        this.core = core;
        this.name = name;
        this.handler = handler;
    }

    @Override
    public StreamEventsRequest request() {
        return StreamEventsRequest.newBuilder().setSubscription(name).build();
    }

    @Override
    public Chain opened(Opened opened) {
        lease = opened.getLease();
        return new Chain(opened.getAfterRevision());
    }

    @Override
    public boolean awaitsToken() {
        return false;
    }

    @Override
    public boolean deliver(Batch batch) throws E, LostException {
        try {
            handler.handle(batch);
        } catch (Exception failure) {
            Optional<UnprocessableException> event = unprocessable(failure);
            if (event.isEmpty()) {
                throw failure;
            }
            park(event.get());
            return false;
        }
        acknowledge(batch.getUpToRevision());
        return true;
    }

    /** The event that the handler cannot handle, also where a framework has wrapped its exception. */
    private static Optional<UnprocessableException> unprocessable(Throwable failure) {
        return Stream.iterate(failure, Objects::nonNull, Throwable::getCause)
                .limit(CAUSES)
                .filter(UnprocessableException.class::isInstance)
                .map(UnprocessableException.class::cast)
                .findFirst();
    }

    private void acknowledge(long upToRevision) throws LostException {
        AcknowledgeRequest request = AcknowledgeRequest.newBuilder()
                .setSubscription(name)
                .setLease(lease)
                .setUpToRevision(upToRevision)
                .build();
        try {
            core.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS).acknowledge(request);
        } catch (StatusException failure) {
            throw Failures.lost(failure);
        }
    }

    private void park(UnprocessableException event) throws LostException {
        ParkRequest request = ParkRequest.newBuilder()
                .setSubscription(name)
                .setLease(lease)
                .setEventId(event.eventId())
                .setReason(Objects.toString(event.getMessage(), ""))
                .build();
        try {
            core.withDeadlineAfter(DEADLINE_SECONDS, TimeUnit.SECONDS).park(request);
        } catch (StatusException failure) {
            throw Failures.lost(failure);
        }
    }
}
