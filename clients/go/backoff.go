package paystate

import (
	"context"
	"math/rand/v2"
	"time"
)

// timing bounds the waiting of a follower.
type timing struct {
	// quiet is how long a stream may say nothing, not even Progress.
	quiet time.Duration
	// first and longest bound the wait before a stream is opened again; the bound doubles in between.
	first, longest time.Duration
}

var usual = timing{quiet: 30 * time.Second, first: 50 * time.Millisecond, longest: 10 * time.Second}

// wait is a random time up to the bound after this many failures in a row, so that many followers do not come back at once.
func (t timing) wait(failures int) time.Duration {
	bound := t.first
	for range failures {
		bound = min(2*bound, t.longest)
	}
	return rand.N(bound)
}

func sleep(ctx context.Context, wait time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(wait):
		return nil
	}
}
