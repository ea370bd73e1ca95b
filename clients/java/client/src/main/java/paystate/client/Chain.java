package paystate.client;

import paystate.v1.Batch;
import paystate.v1.Event;

/** Proves that nothing is missing: each batch begins where the one before ended, and its events ascend within it. */
final class Chain {
    private long end;

    /** Begins after this revision. */
    Chain(long afterRevision) {
        this.end = afterRevision;
    }

    /** Everything up to here was seen. */
    long end() {
        return end;
    }

    /**
     * Takes the next batch.
     *
     * @throws ChainBrokenException if it is not the next one; the chain is then as before
     */
    void add(Batch batch) {
        if (batch.getAfterRevision() != end) {
            throw new ChainBrokenException(
                    "a batch begins after revision " + batch.getAfterRevision() + ", the one before ended at " + end);
        }
        if (batch.getUpToRevision() < end) {
            throw new ChainBrokenException(
                    "a batch goes back from revision " + end + " to " + batch.getUpToRevision());
        }
        long last = end;
        for (Event event : batch.getEventsList()) {
            if (event.getRevision() <= last || event.getRevision() > batch.getUpToRevision()) {
                throw new ChainBrokenException("event " + event.getRevision() + " follows on revision " + last
                        + " in a batch that ends at " + batch.getUpToRevision());
            }
            last = event.getRevision();
        }
        end = batch.getUpToRevision();
    }
}
