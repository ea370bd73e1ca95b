package paystate.client;

import paystate.v1.Batch;

/**
 * Takes the events that a {@link Follower} hands over.
 *
 * @param <E> what it may fail with; ends {@link Follower#run} as it is
 */
@FunctionalInterface
public interface Handler<E extends Exception> {
    /**
     * Takes one batch. Batches come one at a time, in the order of the log, each beginning where the one before ended. A
     * batch without events says that nothing up to {@code up_to_revision} concerns this follower.
     *
     * <p>With a subscription, the batch is acknowledged after this method has returned; what was not acknowledged comes
     * again, so the effects must bear that.
     *
     * @param batch the events; from the first to the last one, or not at all
     * @throws E if the effects could not be stored; nothing of the batch may be
     * @throws UnprocessableException with a subscription: if one event can never be handled, thrown as it is or as a cause; the event is
     *     put aside
     */
    void handle(Batch batch) throws E;
}
