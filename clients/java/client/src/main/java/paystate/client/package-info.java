/**
 * Follows the payments of a paystate core: nothing lost, nothing twice.
 *
 * <p>{@link paystate.client.Channels} connects, {@link paystate.client.Follower} hands the events of the core's log to a
 * {@link paystate.client.Handler}, in order. Everything else that a core offers is called through the generated stubs in
 * {@code paystate.v1}, over the same channel.
 */
package paystate.client;
