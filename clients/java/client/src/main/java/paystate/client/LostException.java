package paystate.client;

/** The stream is gone for now; a new one is worth a try. Never leaves this package. */
final class LostException extends Exception {
    private static final long serialVersionUID = 1;

    LostException(String message) {
        super(message);
    }
}
