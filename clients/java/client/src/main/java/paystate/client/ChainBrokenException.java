package paystate.client;

/**
 * What the core sent does not follow on what it sent before: events are missing, repeated or of another log. Nothing of it
 * was handed to the handler. Going on would be to guess, so {@link Follower#run} ends.
 */
public final class ChainBrokenException extends RuntimeException {
    private static final long serialVersionUID = 1;

    ChainBrokenException(String message) {
        super(message);
    }
}
