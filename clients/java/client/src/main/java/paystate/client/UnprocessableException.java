package paystate.client;

/**
 * Thrown by a {@link Handler} of a subscription: this event can never be handled. The follower parks it and goes on; later
 * events of the same order are held back until somebody redrives it. The rest of its batch is delivered again. It may also
 * be the {@linkplain Throwable#getCause cause} of what is thrown, as where a framework wraps exceptions.
 */
public final class UnprocessableException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** Which event. */
    private final String eventId;

    /**
     * Names the event.
     *
     * @param eventId its {@code event_id}
     * @param reason why, for the people who look at parked events
     */
    public UnprocessableException(String eventId, String reason) {
        super(reason);
        this.eventId = eventId;
    }

    /**
     * Which event.
     *
     * @return its {@code event_id}
     */
    public String eventId() {
        return eventId;
    }
}
