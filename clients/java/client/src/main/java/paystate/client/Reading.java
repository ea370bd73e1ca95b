package paystate.client;

import paystate.v1.Batch;
import paystate.v1.Opened;
import paystate.v1.StreamEventsRequest;

/** Where a follower's position is kept, and what follows from that. */
interface Reading<E extends Exception> {
    /** What the next stream begins with. */
    StreamEventsRequest request();

    /**
     * Learns where the stream really begins.
     *
     * @return the chain that its batches have to continue
     */
    Chain opened(Opened opened);

    /** Whether this place has yet to be stored: the next resume token is worth a batch of its own. */
    boolean awaitsToken();

    /**
     * Hands a batch to the handler and notes that it is done.
     *
     * @return whether the stream goes on; a new one is needed otherwise
     */
    boolean deliver(Batch batch) throws E, LostException;
}
