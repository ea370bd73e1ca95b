package paystate.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static paystate.client.ScriptedCore.batch;
import static paystate.client.ScriptedCore.ending;
import static paystate.client.ScriptedCore.failing;
import static paystate.client.ScriptedCore.goingAway;
import static paystate.client.ScriptedCore.leased;
import static paystate.client.ScriptedCore.opened;
import static paystate.client.ScriptedCore.progress;
import static paystate.client.ScriptedCore.refusal;
import static paystate.client.ScriptedCore.sending;

import io.grpc.Status;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import paystate.v1.Batch;
import paystate.v1.Event;
import paystate.v1.EventFilter;
import paystate.v1.EventKind;
import paystate.v1.Position;
import paystate.v1.StreamEventsRequest;
import paystate.v1.StreamEventsResponse;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FollowerTest {
    /** Keeps what it got, as "AFTER-UPTO[EVENTS]", and stops the follower at a revision. */
    private static final class Ledger implements PositionHandler<IOException> {
        final List<String> got = new ArrayList<>();
        Optional<String> stored = Optional.empty();
        Follower follower;
        long last;

        Ledger until(long revision) {
            last = revision;
            return this;
        }

        @Override
        public Optional<String> position() {
            return stored;
        }

        @Override
        public void handle(Batch batch) throws IOException {
            List<Long> revisions = batch.getEventsList().stream().map(Event::getRevision).toList();
            got.add(batch.getAfterRevision() + "-" + batch.getUpToRevision() + revisions);
            stored = Optional.of(batch.getResumeToken());
            if (batch.getUpToRevision() == last) {
                follower.stop();
            }
        }
    }

    private static void follow(ScriptedCore core, Ledger ledger) throws Exception {
        ledger.follower = Follower.builder(core.channel).build();
        ledger.follower.run(ledger);
    }

    private static ChainBrokenException broken(ScriptedCore.Script... scripts) throws Exception {
        try (ScriptedCore core = new ScriptedCore(scripts)) {
            return assertThrows(ChainBrokenException.class, () -> follow(core, new Ledger()));
        }
    }

    @Test
    void deliversBatchesInOrderAndProgressAsCheckpoints() throws Exception {
        Ledger ledger = new Ledger().until(9);
        try (ScriptedCore core = new ScriptedCore(
                sending(opened("L", 0), batch(0, 3, 1, 3), progress(3), progress(7), batch(7, 9, 8, 9)))) {
            follow(core, ledger);
            assertTrue(core.requests.take().getPosition().getEarliest());
        }
        assertEquals(List.of("0-3[1, 3]", "3-7[]", "7-9[8, 9]"), ledger.got);
    }

    @Test
    void resumesFromTheStoredPosition() throws Exception {
        Ledger ledger = new Ledger().until(9);
        ledger.stored = Optional.of("t7");
        try (ScriptedCore core = new ScriptedCore(sending(opened("L", 7), batch(7, 9, 8)))) {
            follow(core, ledger);
            assertEquals("t7", core.requests.take().getPosition().getResumeToken());
        }
    }

    @Test
    void sendsFilterAndStart() throws Exception {
        EventFilter filter = EventFilter.newBuilder().addKinds(EventKind.EVENT_KIND_PAYMENT_SUCCEEDED).build();
        Position start = Position.newBuilder().setLatest(true).build();
        Ledger ledger = new Ledger().until(42);
        try (ScriptedCore core = new ScriptedCore(
                failing(Status.UNAVAILABLE.asException(), opened("L", 41)),
                sending(opened("L", 41), progress(42)))) {
            ledger.follower = Follower.builder(core.channel).filter(filter).start(start).build();
            ledger.follower.run(ledger);
            StreamEventsRequest first = core.requests.take();
            assertEquals(filter, first.getFilter());
            assertTrue(first.getPosition().getLatest());
            // "latest" is decided once: what came between the two streams is not skipped.
            assertEquals(41, core.requests.take().getPosition().getAfterRevision());
        }
    }

    @Test
    void storesWhereItIsBeforeTheFirstEvent() throws Exception {
        Ledger ledger = new Ledger().until(41);
        try (ScriptedCore core = new ScriptedCore(sending(opened("L", 41), progress(41)))) {
            ledger.follower = Follower.builder(core.channel).start(Position.newBuilder().setLatest(true).build()).build();
            ledger.follower.run(ledger);
        }
        assertEquals(List.of("41-41[]"), ledger.got);
        assertEquals(Optional.of("t41"), ledger.stored);
    }

    @Test
    void comesBackAfterEveryPassingFailure() throws Exception {
        Ledger ledger = new Ledger().until(8);
        try (ScriptedCore core = new ScriptedCore(
                failing(Status.UNAVAILABLE.asException()),
                failing(Status.UNAVAILABLE.asException(), opened("L", 0), batch(0, 1, 1)),
                failing(Status.DEADLINE_EXCEEDED.asException(), opened("L", 1), batch(1, 2, 2)),
                failing(Status.INTERNAL.asException(), opened("L", 2), batch(2, 3, 3)),
                failing(Status.RESOURCE_EXHAUSTED.asException(), opened("L", 3), batch(3, 4, 4)),
                failing(Status.ABORTED.asException(), opened("L", 4), batch(4, 5, 5)),
                ending(opened("L", 5), batch(5, 6, 6)),
                ending(opened("L", 6), batch(6, 7, 7), goingAway()),
                ending(goingAway()),
                ending(),
                sending(opened("L", 7), batch(7, 8, 8)))) {
            follow(core, ledger);
            core.requests.take();
            core.requests.take();
            for (int revision = 1; revision <= 7; revision++) {
                assertEquals("t" + revision, core.requests.take().getPosition().getResumeToken());
            }
        }
        assertEquals(8, ledger.got.size());
    }

    @Test
    void aQuietStreamIsGivenUp() throws Exception {
        Ledger ledger = new Ledger().until(2);
        try (ScriptedCore core = new ScriptedCore(
                sending(opened("L", 0), batch(0, 1, 1)), sending(opened("L", 1), batch(1, 2, 2)))) {
            ledger.follower = Follower.builder(core.channel).quietAfter(Duration.ofMillis(200)).build();
            ledger.follower.run(ledger);
            assertEquals(2, core.requests.size());
        }
    }

    @Test
    void aGapARepetitionOrAnotherLogBreaksTheChain() throws Exception {
        assertEquals("a batch begins after revision 4, the one before ended at 3",
                broken(sending(opened("L", 0), batch(0, 3, 1), batch(4, 5, 5))).getMessage());
        broken(sending(opened("L", 0), batch(0, 3, 1), batch(0, 3, 1)));
        broken(sending(opened("L", 0), progress(3), batch(0, 5, 5)));
        broken(sending(opened("L", 0), batch(0, 3, 1), progress(2)));
        broken(sending(opened("L", 0), batch(0, 3, 2, 2)));
        broken(sending(opened("L", 0), batch(0, 3, 3, 2)));
        broken(sending(opened("L", 0), batch(0, 3, 4)));
        broken(sending(opened("L", 5), batch(5, 7, 5)));
        broken(sending(batch(0, 3, 1)));
        broken(sending(opened("L", 0), opened("L", 0)));
        broken(ending(opened("L", 0), batch(0, 3, 1)), sending(opened("L", 2)));
        broken(ending(opened("L", 0), batch(0, 3, 1)), sending(opened("L", 4)));
        broken(ending(opened("L", 0), batch(0, 3, 1)), sending(opened("M", 3)));
    }

    @Test
    void nothingOfABrokenBatchIsHandled() throws Exception {
        Ledger ledger = new Ledger();
        try (ScriptedCore core = new ScriptedCore(sending(opened("L", 0), batch(0, 3, 1, 4)))) {
            assertThrows(ChainBrokenException.class, () -> follow(core, ledger));
        }
        assertEquals(List.of(), ledger.got);
    }

    @Test
    void aRefusalEndsItWithTheReason() throws Exception {
        Throwable refusal = refusal(Status.Code.FAILED_PRECONDITION, "LOG_ID_CHANGED", "log_id", "M");
        try (ScriptedCore core = new ScriptedCore(failing(refusal))) {
            RefusedException refused = assertThrows(RefusedException.class, () -> follow(core, new Ledger()));
            assertEquals(Status.Code.FAILED_PRECONDITION, refused.code());
            assertEquals("LOG_ID_CHANGED", refused.reason());
            assertEquals("M", refused.metadata().get("log_id"));
        }
        for (Status status : List.of(Status.INVALID_ARGUMENT, Status.OUT_OF_RANGE, Status.NOT_FOUND,
                Status.UNAUTHENTICATED, Status.PERMISSION_DENIED, Status.UNIMPLEMENTED)) {
            try (ScriptedCore core = new ScriptedCore(failing(status.asException(), opened("L", 0)))) {
                RefusedException refused = assertThrows(RefusedException.class, () -> follow(core, new Ledger()));
                assertEquals("", refused.reason());
            }
        }
    }

    @Test
    void onlyTheCoresOwnReasonsCount() throws Exception {
        Throwable foreign = refusal("proxy.example", Status.Code.FAILED_PRECONDITION, "LEASE_LOST", "by", "proxy");
        try (ScriptedCore core = new ScriptedCore(failing(foreign))) {
            RefusedException refused = assertThrows(RefusedException.class, () -> follow(core, new Ledger()));
            assertEquals("", refused.reason());
            assertTrue(refused.metadata().isEmpty());
        }
    }

    @Test
    void theHandlersOwnErrorEndsItAsItIs() throws Exception {
        IOException full = new IOException("disk full");
        try (ScriptedCore core = new ScriptedCore(sending(opened("L", 0), batch(0, 1, 1)))) {
            Ledger ledger = new Ledger();
            PositionHandler<IOException> failing = new PositionHandler<>() {
                @Override
                public Optional<String> position() {
                    return ledger.position();
                }

                @Override
                public void handle(Batch batch) throws IOException {
                    throw full;
                }
            };
            assertSame(full, assertThrows(IOException.class, () -> Follower.builder(core.channel).build().run(failing)));
        }
    }

    @Test
    void stopAndInterruptEndAWaitingFollower() throws Exception {
        ExecutorService threads = Executors.newCachedThreadPool();
        try (ScriptedCore core = new ScriptedCore(sending(opened("L", 0)), sending(opened("L", 0)))) {
            Follower follower = Follower.builder(core.channel).build();
            Future<?> running = threads.submit(() -> {
                follower.run(new Ledger());
                return null;
            });
            core.requests.take();
            follower.stop();
            assertNull(running.get(10, TimeUnit.SECONDS));

            Future<?> interrupted = threads.submit(() -> assertThrows(InterruptedException.class,
                    () -> Follower.builder(core.channel).build().run(new Ledger())));
            core.requests.take();
            threads.shutdownNow();
            interrupted.get(10, TimeUnit.SECONDS);
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void somebodyHasToKeepThePosition() throws Exception {
        try (ScriptedCore core = new ScriptedCore()) {
            assertThrows(IllegalArgumentException.class, () -> Follower.builder(core.channel).build().run(batch -> {}));
            assertTrue(core.requests.isEmpty());
            Follower.Builder both = Follower.builder(core.channel).subscription("inventory").start(Position.newBuilder().setLatest(true).build());
            assertThrows(IllegalStateException.class, both::build);
        }
    }

    /** Follows the subscription "inventory" until a revision is handled. */
    private static List<Long> subscribe(ScriptedCore core, long last, Handler<RuntimeException> handler) throws Exception {
        return subscribe(core, last, new Random(), handler);
    }

    private static List<Long> subscribe(
            ScriptedCore core, long last, RandomGenerator random, Handler<RuntimeException> handler) throws Exception {
        Follower follower = Follower.builder(core.channel).subscription("inventory").random(random).build();
        List<Long> handled = new ArrayList<>();
        follower.run(batch -> {
            handler.handle(batch);
            handled.add(batch.getUpToRevision());
            if (batch.getUpToRevision() == last) {
                follower.stop();
            }
        });
        return handled;
    }

    @Test
    void aSubscriptionAcknowledgesWhatWasHandled() throws Exception {
        try (ScriptedCore core = new ScriptedCore(
                sending(leased("a", 5), batch(5, 7, 6, 7), progress(9), batch(9, 10, 10)))) {
            assertEquals(List.of(7L, 9L, 10L), subscribe(core, 10, batch -> {}));
            assertEquals("inventory", core.requests.take().getSubscription());
            assertEquals(List.of("acknowledge a 7", "acknowledge a 9", "acknowledge a 10"), List.copyOf(core.calls));
        }
    }

    @Test
    void aSubscriptionBeginsAnewWhereTheCoreSays() throws Exception {
        try (ScriptedCore core = new ScriptedCore(
                sending(leased("a", 5), batch(5, 7, 6)),
                sending(leased("b", 5), batch(5, 7, 6)),
                failing(refusal(Status.Code.ABORTED, "LEASE_LOST", "subscription", "inventory"), leased("c", 2), batch(2, 8, 3)),
                sending(leased("d", 8), batch(8, 9, 9)))) {
            core.acknowledgeFailures.add(Status.UNAVAILABLE.asException());
            core.acknowledgeFailures.add(
                    refusal(Status.Code.FAILED_PRECONDITION, "LEASE_LOST", "subscription", "inventory"));
            assertEquals(List.of(7L, 7L, 8L, 9L), subscribe(core, 9, batch -> {}));
            assertEquals(List.of("acknowledge a 7", "acknowledge b 7", "acknowledge c 8", "acknowledge d 9"),
                    List.copyOf(core.calls));
        }
    }

    /** Notes the bounds of what is drawn, which is always 0. */
    private static final class Bounds implements RandomGenerator {
        final List<Long> drawn = new ArrayList<>();

        @Override
        public long nextLong() {
            throw new AssertionError("a bound is expected");
        }

        @Override
        public long nextLong(long bound) {
            drawn.add(bound - 1);
            return 0;
        }
    }

    @Test
    void onASubscriptionOnlyAnAcknowledgementMakesTheWaitsShortAgain() throws Exception {
        Throwable lost = refusal(Status.Code.FAILED_PRECONDITION, "LEASE_LOST", "subscription", "inventory");
        Bounds bounds = new Bounds();
        try (ScriptedCore core = new ScriptedCore(
                failing(lost, leased("a", 5), progress(5)),
                failing(lost, leased("b", 5), StreamEventsResponse.getDefaultInstance()),
                sending(leased("c", 5), batch(5, 7, 6)),
                failing(lost, leased("d", 5), batch(5, 7, 6)),
                sending(leased("e", 7), batch(7, 8, 8)))) {
            core.acknowledgeFailures.add(lost);
            subscribe(core, 8, bounds, batch -> {});
        }
        assertEquals(List.of(50L, 100L, 200L, 50L), bounds.drawn.subList(0, 4));
    }

    @Test
    void aParkedEventMakesTheWaitsShortAgain() throws Exception {
        Bounds bounds = new Bounds();
        try (ScriptedCore core = new ScriptedCore(
                ending(), ending(), sending(leased("a", 5), batch(5, 6, 6)), sending(leased("b", 6), batch(6, 7, 7)))) {
            subscribe(core, 7, bounds, batch -> {
                if (batch.getEvents(0).getRevision() == 6) {
                    throw new UnprocessableException("e6", "no such SKU");
                }
            });
        }
        assertEquals(List.of(50L, 100L, 50L), bounds.drawn.subList(0, 3));
    }

    @Test
    void withAPositionOfItsOwnProgressMakesTheWaitsShortAgain() throws Exception {
        Bounds bounds = new Bounds();
        Ledger ledger = new Ledger().until(6);
        ledger.stored = Optional.of("t5");
        try (ScriptedCore core = new ScriptedCore(
                ending(), ending(), ending(opened("L", 5), progress(5)), ending(),
                sending(opened("L", 5), batch(5, 6, 6)))) {
            ledger.follower = Follower.builder(core.channel).random(bounds).build();
            ledger.follower.run(ledger);
        }
        assertEquals(List.of(50L, 100L, 50L, 100L), bounds.drawn.subList(0, 4));
    }

    @Test
    void aWrongAcknowledgementIsAnError() throws Exception {
        try (ScriptedCore core = new ScriptedCore(sending(leased("a", 5), batch(5, 7, 6)))) {
            core.acknowledgeFailures.add(refusal(Status.Code.FAILED_PRECONDITION, "ACKNOWLEDGE_AHEAD", "sent", "6"));
            RefusedException refused = assertThrows(RefusedException.class, () -> subscribe(core, 7, batch -> {}));
            assertEquals("ACKNOWLEDGE_AHEAD", refused.reason());
        }
    }

    @Test
    void anUnprocessableEventIsParked() throws Exception {
        try (ScriptedCore core = new ScriptedCore(
                sending(leased("a", 5), batch(5, 7, 6, 7)), sending(leased("b", 5), batch(5, 7, 7)))) {
            List<Long> handled = subscribe(core, 7, batch -> {
                if (batch.getEvents(0).getRevision() == 6) {
                    throw new UnprocessableException("e6", "no such SKU");
                }
            });
            assertEquals(List.of(7L), handled);
            assertEquals(List.of("park a e6 no such SKU", "acknowledge b 7"), List.copyOf(core.calls));
            assertTrue(core.secondsLeft.stream().allMatch(seconds -> seconds > 20 && seconds <= 30));
        }
    }

    @Test
    void anUnprocessableEventIsParkedAlsoAsACause() throws Exception {
        try (ScriptedCore core = new ScriptedCore(
                sending(leased("a", 5), batch(5, 7, 6, 7)), sending(leased("b", 5), batch(5, 7, 7)))) {
            subscribe(core, 7, batch -> {
                if (batch.getEvents(0).getRevision() == 6) {
                    Exception event = new UnprocessableException("e6", "no such SKU");
                    throw new IllegalStateException("rolled back", new IOException(event));
                }
            });
            assertEquals(List.of("park a e6 no such SKU", "acknowledge b 7"), List.copyOf(core.calls));
        }
    }
}
