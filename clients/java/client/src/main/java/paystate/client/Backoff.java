package paystate.client;

import java.time.Duration;
import java.util.random.RandomGenerator;

/** How long to wait before the next try: anything up to a limit that doubles (full jitter), so that many do not come at once. */
final class Backoff {
    private static final long FIRST_MILLIS = 50;
    private static final long LONGEST_MILLIS = 10_000;

    private final RandomGenerator random;
    private long limitMillis = FIRST_MILLIS;

    Backoff(RandomGenerator random) {
        this.random = random;
    }

    Duration next() {
        long limit = limitMillis;
        limitMillis = Math.min(2 * limit, LONGEST_MILLIS);
        return Duration.ofMillis(random.nextLong(limit + 1));
    }

    void reset() {
        limitMillis = FIRST_MILLIS;
    }
}
