package paystate.client;

import io.grpc.ManagedChannel;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import paystate.v1.Batch;
import paystate.v1.EventFilter;
import paystate.v1.Position;
import paystate.v1.Progress;
import paystate.v1.StreamEventsResponse;
import paystate.v1.SubscriptionServiceGrpc;
import paystate.v1.SubscriptionServiceGrpc.SubscriptionServiceBlockingV2Stub;

/**
 * Follows the core's log of events: reconnects for ever, resumes where it was, and proves that nothing is missing.
 *
 * <p>The position is kept in one of two places:
 *
 * <ul>
 *   <li>in the handler's own database (the default): a {@link PositionHandler} stores it together with its effects, which are
 *       then exactly once;
 *   <li>in the core, as a {@linkplain Builder#subscription subscription}: any {@link Handler} will do, what it has handled is
 *       acknowledged, and what it cannot handle is parked; its effects are at least once.
 * </ul>
 *
 * <pre>{@code
 * Follower.builder(Channels.open("http://127.0.0.1:50051")).build().run(new Inventory(database));
 * }</pre>
 */
public final class Follower {
    private static final Logger LOG = System.getLogger("paystate");

    private final SubscriptionServiceBlockingV2Stub core;
    private final EventFilter filter;
    private final Position start;
    private final String subscription;
    private final Duration quietAfter;
    private final RandomGenerator random;
    private final CountDownLatch stopped = new CountDownLatch(1);
    private volatile EventStream current;

    private Follower(Builder builder) {
        core = SubscriptionServiceGrpc.newBlockingV2Stub(builder.channel);
        filter = builder.filter;
        start = builder.start;
        subscription = builder.subscription;
        quietAfter = builder.quietAfter;
        random = builder.random;
    }

    /**
     * Begins a follower of all events from the earliest on.
     *
     * @param channel to the core, see {@link Channels}; the follower does not shut it down
     * @return what to change before {@link Builder#build}
     */
    public static Builder builder(ManagedChannel channel) {
        return new Builder(channel);
    }

    /**
     * Hands every event to the handler, on this thread, until {@link #stop} is called.
     *
     * @param <E> what the handler may fail with
     * @param handler a {@link PositionHandler}, or any handler if there is a subscription
     * @throws E what the handler failed with; also its runtime exceptions come through
     * @throws RefusedException if the core refuses for a reason that will not pass
     * @throws ChainBrokenException if events are missing or repeated
     * @throws InterruptedException if this thread was interrupted
     * @throws IllegalArgumentException if nobody would keep the position
     */
    public <E extends Exception> void run(Handler<E> handler) throws E, InterruptedException {
        Reading<E> reading = reading(handler);
        Backoff backoff = new Backoff(random);
        do {
            try (EventStream stream = new EventStream(core, reading.request(), quietAfter)) {
                current = stream;
                if (!isStopped()) { // Asked again: stop() may not have seen this stream.
                    read(stream, reading, backoff);
                }
            } catch (LostException lost) {
                if (!isStopped()) {
                    LOG.log(Level.INFO, "stream of events lost, reconnecting: {0}", lost.getMessage());
                }
            }
        } while (!stopped.await(backoff.next().toMillis(), TimeUnit.MILLISECONDS));
    }

    /**
     * Ends {@link #run} for good after the batch that is being handled, if any; returns at once. From any thread.
     */
    public void stop() {
        stopped.countDown();
        EventStream stream = current;
        if (stream != null) {
            stream.close();
        }
    }

    private <E extends Exception> Reading<E> reading(Handler<E> handler) throws E {
        if (!subscription.isEmpty()) {
            return new DurableSubscription<>(core, subscription, handler);
        }
        if (handler instanceof PositionHandler<E> keeper) {
            return new OwnPosition<>(keeper, filter, start);
        }
        throw new IllegalArgumentException(
                "nobody keeps the position: give a PositionHandler, or name a subscription");
    }

    /** Reads one stream to its end. */
    private <E extends Exception> void read(EventStream stream, Reading<E> reading, Backoff backoff)
            throws E, LostException, InterruptedException {
        Chain chain = opened(stream, reading);
        StreamEventsResponse message;
        while (chain != null && !isStopped() && (message = stream.next()) != null) {
            long before = chain.end();
            boolean goesOn = switch (message.getMessageCase()) {
                case BATCH -> deliver(message.getBatch(), chain, reading);
                case PROGRESS -> progress(message.getProgress(), chain, reading);
                case GOING_AWAY -> throw new LostException("the core goes away: " + message.getGoingAway().getReason());
                case OPENED -> throw new ChainBrokenException("a stream was opened twice");
                case MESSAGE_NOT_SET -> true; // Of a newer core, and of no concern here.
            };
            // On a subscription a sign of life gets nothing done: an acknowledgement or a parked event does.
            if (subscription.isEmpty() || chain.end() > before) {
                backoff.reset();
            }
            if (!goesOn) {
                return;
            }
        }
    }

    /** The chain that the stream's first message begins; null if the stream ended before. */
    private static Chain opened(EventStream stream, Reading<?> reading) throws LostException, InterruptedException {
        StreamEventsResponse first = stream.next();
        if (first == null) {
            return null;
        }
        return switch (first.getMessageCase()) {
            case OPENED -> reading.opened(first.getOpened());
            case GOING_AWAY -> null;
            case BATCH, PROGRESS, MESSAGE_NOT_SET ->
                    throw new ChainBrokenException("a stream did not begin with Opened");
        };
    }

    private static <E extends Exception> boolean deliver(Batch batch, Chain chain, Reading<E> reading)
            throws E, LostException {
        chain.add(batch);
        return reading.deliver(batch);
    }

    /**
     * Hands progress over as a batch without events. Where it has not moved it is only a sign of life, unless nothing is
     * stored yet: without this token a restart would begin at the start once more, which may be a later place by then.
     */
    private static <E extends Exception> boolean progress(Progress progress, Chain chain, Reading<E> reading)
            throws E, LostException {
        if (progress.getUpToRevision() == chain.end() && !reading.awaitsToken()) {
            return true;
        }
        Batch checkpoint = Batch.newBuilder()
                .setAfterRevision(chain.end())
                .setUpToRevision(progress.getUpToRevision())
                .setResumeToken(progress.getResumeToken())
                .build();
        return deliver(checkpoint, chain, reading);
    }

    private boolean isStopped() {
        return stopped.getCount() == 0;
    }

    /** What a follower is made of. */
    public static final class Builder {
        private static final EventFilter ALL = EventFilter.getDefaultInstance();
        private static final Position EARLIEST = Position.newBuilder().setEarliest(true).build();
        private static final Duration QUIET_AFTER = Duration.ofSeconds(30);

        private final ManagedChannel channel;
        private EventFilter filter = ALL;
        private Position start = EARLIEST;
        private String subscription = "";
        private Duration quietAfter = QUIET_AFTER;
        private RandomGenerator random = new Random();

        private Builder(ManagedChannel channel) {
            this.channel = channel;
        }

        /**
         * Only these events. Without a subscription, which has a filter of its own.
         *
         * @param filter which; it must stay the same as long as the stored position is used
         * @return this
         */
        public Builder filter(EventFilter filter) {
            this.filter = filter;
            return this;
        }

        /**
         * Where to begin when the handler has stored no position yet. Without a subscription, which has its own. On a quiet
         * log the handler soon gets a batch without events, so that it stores where that is.
         *
         * @param start the earliest event that is kept, unless changed
         * @return this
         */
        public Builder start(Position start) {
            this.start = start;
            return this;
        }

        /**
         * Lets the core keep the position.
         *
         * @param name of a subscription that exists
         * @return this
         */
        public Builder subscription(String name) {
            this.subscription = name;
            return this;
        }

        /**
         * After how long without any message a stream is taken for dead. A core sends one every few seconds.
         *
         * @param quietAfter 30 seconds, unless changed
         * @return this
         */
        public Builder quietAfter(Duration quietAfter) {
            this.quietAfter = quietAfter;
            return this;
        }

        /** What the waits are drawn with. */
        Builder random(RandomGenerator random) {
            this.random = random;
            return this;
        }

        /**
         * Makes the follower; nothing is asked of the core yet.
         *
         * @return the follower
         * @throws IllegalStateException if a subscription was named together with a filter or a start
         */
        public Follower build() {
            if (!subscription.isEmpty() && (filter != ALL || start != EARLIEST)) {
                throw new IllegalStateException("a subscription has a filter and a position of its own");
            }
            return new Follower(this);
        }
    }
}
