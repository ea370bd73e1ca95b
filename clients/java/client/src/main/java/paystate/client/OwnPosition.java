package paystate.client;

import paystate.v1.Batch;
import paystate.v1.EventFilter;
import paystate.v1.Opened;
import paystate.v1.Position;
import paystate.v1.StreamEventsRequest;

/** The handler keeps the position: one chain over all streams, all of one log. */
final class OwnPosition<E extends Exception> implements Reading<E> {
    private final PositionHandler<E> handler;
    private final EventFilter filter;
    private Position next;
    private Chain chain;
    private String logId;

    OwnPosition(PositionHandler<E> handler, EventFilter filter, Position start) throws E {
        this.handler = handler;
        this.filter = filter;
        this.next = handler.position().map(OwnPosition::at).orElse(start);
    }

    @Override
    public StreamEventsRequest request() {
        return StreamEventsRequest.newBuilder().setPosition(next).setFilter(filter).build();
    }

    @Override
    public Chain opened(Opened opened) {
        if (chain == null) {
            chain = new Chain(opened.getAfterRevision());
            logId = opened.getLogId();
        } else if (!opened.getLogId().equals(logId)) {
            throw new ChainBrokenException("the log was " + logId + " and is now " + opened.getLogId());
        } else if (opened.getAfterRevision() != chain.end()) {
            throw new ChainBrokenException("a stream begins after revision " + opened.getAfterRevision()
                    + ", the one before ended at " + chain.end());
        }
        if (awaitsToken()) {
            // From here on "latest" must not move any more.
            next = Position.newBuilder().setAfterRevision(opened.getAfterRevision()).build();
        }
        return chain;
    }

    @Override
    public boolean awaitsToken() {
        return !next.hasResumeToken();
    }

    @Override
    public boolean deliver(Batch batch) throws E {
        handler.handle(batch);
        next = at(batch.getResumeToken());
        return true;
    }

    private static Position at(String resumeToken) {
        return Position.newBuilder().setResumeToken(resumeToken).build();
    }
}
