package paystate.client;

import io.grpc.StatusException;

/** Tells what passes from what stays. */
final class Failures {
    /** Another stream has the subscription now, or it was moved: that is no reason to give up. */
    private static final String LEASE_LOST = "LEASE_LOST";

    private Failures() {}

    /**
     * What a failed call means.
     *
     * @return that a new stream is worth a try
     * @throws RefusedException if it is not
     */
    static LostException lost(StatusException failure) {
        RefusedException refused = RefusedException.of(failure);
        boolean passes = switch (refused.code()) {
            case UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL, RESOURCE_EXHAUSTED, ABORTED, UNKNOWN, CANCELLED -> true;
            default -> refused.reason().equals(LEASE_LOST);
        };
        if (!passes) {
            throw refused;
        }
        Throwable cause = failure.getCause();
        // "Connection refused" is what helps; the status only says "io exception".
        return new LostException(refused.getMessage() + (cause == null ? "" : ": " + cause.getMessage()));
    }
}
