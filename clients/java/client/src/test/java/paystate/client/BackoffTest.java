package paystate.client;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class BackoffTest {
    /** Always the largest number that was asked for. */
    private static final class Largest implements RandomGenerator {
        @Override
        public long nextLong() {
            throw new AssertionError("a bound is expected");
        }

        @Override
        public long nextLong(long bound) {
            return bound - 1;
        }
    }

    @Test
    void doublesUpToTenSecondsAndBeginsAgain() {
        Backoff backoff = new Backoff(new Largest());
        List<Long> waits = Stream.generate(() -> backoff.next().toMillis()).limit(10).toList();
        assertEquals(List.of(50L, 100L, 200L, 400L, 800L, 1600L, 3200L, 6400L, 10_000L, 10_000L), waits);
        backoff.reset();
        assertEquals(50, backoff.next().toMillis());
    }
}
