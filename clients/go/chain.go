package paystate

import (
	"fmt"

	"paystate.internal/paystate/paystatev1"
)

// chain holds what came against what came before it. Both modes: within a stream each batch begins where the last one
// ended. Without a subscription also over streams, and all of them are of one log.
type chain struct {
	logID string
	upTo  int64
	begun bool
}

// opened begins a stream. With a subscription the core keeps the position, and a stream begins where that stands.
func (c *chain) opened(o *paystatev1.Opened, subscribed bool) error {
	if c.begun && !subscribed {
		if o.GetLogId() != c.logID {
			return broken("the log was %q and is %q now", c.logID, o.GetLogId())
		}
		if o.GetAfterRevision() != c.upTo {
			return broken("the stream begins after revision %d instead of %d", o.GetAfterRevision(), c.upTo)
		}
	}
	*c = chain{logID: o.GetLogId(), upTo: o.GetAfterRevision(), begun: true}
	return nil
}

// batch continues the stream; the chain is unchanged when it does not fit.
func (c *chain) batch(b *Batch) error {
	if b.AfterRevision != c.upTo || b.UpToRevision < c.upTo {
		return broken("a batch (%d, %d] follows revision %d", b.AfterRevision, b.UpToRevision, c.upTo)
	}
	last := b.AfterRevision
	for _, event := range b.Events {
		if event.GetRevision() <= last || event.GetRevision() > b.UpToRevision {
			return broken("revision %d follows %d in a batch (%d, %d]",
				event.GetRevision(), last, b.AfterRevision, b.UpToRevision)
		}
		last = event.GetRevision()
	}
	c.upTo = b.UpToRevision
	return nil
}

func broken(format string, args ...any) error {
	return &ChainBrokenError{Problem: fmt.Sprintf(format, args...)}
}
