package paystate.client;

import java.util.Optional;

/**
 * A handler that keeps its own position: its effects are exactly once.
 *
 * <p>{@link #handle} stores the effects of a batch <em>and</em> its {@code resume_token} in <em>one</em> transaction of one
 * database. So a crash loses both or none, and nothing has to be deduplicated.
 *
 * <p>Two processes may come to run on one database, be it for a moment during a deployment. So let the transaction begin
 * with the position, and fail unless it moved: {@code UPDATE position SET resume_token = ?, revision = <up_to_revision>
 * WHERE revision = <after_revision>} (an INSERT while there is no row). Whoever comes second changes no row, and must not
 * store its effects; they would count twice.
 *
 * @param <E> what it may fail with; ends {@link Follower#run} as it is
 */
public interface PositionHandler<E extends Exception> extends Handler<E> {
    /**
     * Reads what was stored last. Asked once, when the follower begins.
     *
     * @return the {@code resume_token} of the last batch whose effects are stored; empty if none was ever handled
     * @throws E if it cannot be read
     */
    Optional<String> position() throws E;
}
