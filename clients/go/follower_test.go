package paystate

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"paystate.internal/paystate/paystatev1"
)

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestEachEventOnceOverInterruptions(t *testing.T) {
	core := &script{plays: []play{
		send(lost),
		send(lost, opened("log", 3), batch(3, 5, 4, 5)),
		send(nil, opened("log", 5), batch(5, 9, 7), goingAway()),
		send(nil, opened("log", 9), batch(9, 10)),
		send(status.Error(codes.Internal, "RST_STREAM"), opened("log", 10)),
		send(status.Error(codes.ResourceExhausted, "too many"), opened("log", 10)),
		send(nil, opened("log", 10), batch(10, 11, 11)),
	}}
	handler := &store{token: "token-3", last: 11}
	interruptions := 0
	follower := Follower{OnInterrupt: func(error, time.Duration) { interruptions++ }}
	equal(t, "end", run(t, core, follower, handler), error(done{}))
	equal(t, "events", handler.events, []int64{4, 5, 7, 11})
	equal(t, "batches", handler.batches, []string{"(3,5]", "(5,9]", "(9,10]", "(10,11]"})
	equal(t, "positions", core.positions(),
		[]string{"token-3", "token-3", "token-5", "token-9", "token-10", "token-10", "token-10"})
	equal(t, "interruptions", interruptions, 6)
}

func TestProgressIsACheckpointAtFirstAndWhenTheLogMoved(t *testing.T) {
	core := &script{plays: []play{
		send(lost, opened("log", 0), progress(0), progress(0), progress(4), progress(4), batch(4, 6, 5), progress(8)),
		send(nil, opened("log", 8), batch(8, 9, 9)),
	}}
	handler := &store{last: 9}
	equal(t, "end", run(t, core, Follower{}, handler), error(done{}))
	// The first one is where the log was when we began: without it another start would begin at another "latest".
	equal(t, "batches", handler.batches, []string{"(0,0]", "(0,4]", "(4,6]", "(6,8]", "(8,9]"})
	equal(t, "positions", core.positions(), []string{"earliest", "token-8"})
}

func TestABrokenChainIsNeverSkipped(t *testing.T) {
	for name, plays := range map[string][]play{
		"gap":                {send(nil, opened("log", 0), batch(0, 2, 1), batch(3, 4, 4))},
		"duplicate":          {send(nil, opened("log", 0), batch(0, 2, 1), batch(0, 2, 1))},
		"backwards":          {send(nil, opened("log", 0), batch(0, 2, 1), batch(2, 1))},
		"event twice":        {send(nil, opened("log", 0), batch(0, 2, 1), batch(2, 4, 3, 3))},
		"event too early":    {send(nil, opened("log", 0), batch(0, 2, 1), batch(2, 4, 2))},
		"event too late":     {send(nil, opened("log", 0), batch(0, 2, 1), batch(2, 4, 5))},
		"progress backwards": {send(nil, opened("log", 0), batch(0, 2, 1), progress(1))},
		"gap after reconnect": {
			send(lost, opened("log", 0), batch(0, 2, 1)), send(nil, opened("log", 3), batch(3, 4, 4))},
		"duplicate after reconnect": {
			send(lost, opened("log", 0), batch(0, 2, 1)), send(nil, opened("log", 0), batch(0, 2, 1))},
		"another log": {
			send(lost, opened("log", 0), batch(0, 2, 1)), send(nil, opened("other", 2), batch(2, 3, 3))},
		"opened twice": {send(nil, opened("log", 0), batch(0, 2, 1), opened("log", 2), batch(2, 3, 3))},
		"not opened": {
			send(lost, opened("log", 0), batch(0, 2, 1)), send(nil, unknownMessage(), batch(2, 3, 3))},
	} {
		t.Run(name, func(t *testing.T) {
			handler := &store{last: 100}
			err := run(t, &script{plays: plays}, Follower{}, handler)
			var broken *ChainBrokenError
			if !errors.As(err, &broken) {
				t.Errorf("ended with %v", err)
			}
			equal(t, "events", handler.events, []int64{1})
		})
	}
}

// unknownMessage is a kind of message that this version does not know.
func unknownMessage() *paystatev1.StreamEventsResponse { return &paystatev1.StreamEventsResponse{} }

func TestWhatOnlyANewerCoreSaysIsPassedOver(t *testing.T) {
	core := &script{plays: []play{
		send(nil, unknownMessage(), opened("log", 0), unknownMessage(), batch(0, 2, 1), unknownMessage(), batch(2, 3, 3)),
	}}
	handler := &store{last: 3}
	equal(t, "end", run(t, core, Follower{}, handler), error(done{}))
	equal(t, "events", handler.events, []int64{1, 3})
}

func TestWhatTheCoreRefusesIsHandedOver(t *testing.T) {
	core := &script{plays: []play{
		send(lost, opened("log", 3), batch(3, 5, 4, 5)),
		send(refused(codes.FailedPrecondition, "LOG_ID_CHANGED")),
	}}
	err := run(t, core, Follower{}, &store{token: "token-3", last: 100})
	var rejected *RejectedError
	if !errors.As(err, &rejected) {
		t.Fatalf("ended with %v", err)
	}
	equal(t, "code", rejected.Code, codes.FailedPrecondition)
	equal(t, "reason", rejected.Reason, "LOG_ID_CHANGED")
	equal(t, "metadata", rejected.Metadata["oldest_revision"], "7")
	equal(t, "reason of the cause", Reason(err), "LOG_ID_CHANGED")
	for _, code := range []codes.Code{codes.InvalidArgument, codes.OutOfRange, codes.NotFound, codes.Unauthenticated,
		codes.PermissionDenied, codes.Unimplemented} {
		err := run(t, &script{plays: []play{send(status.Error(code, "no"))}}, Follower{}, &store{last: 1})
		if !errors.As(err, &rejected) || rejected.Code != code || rejected.Reason != "" {
			t.Errorf("%v: ended with %v", code, err)
		}
	}
}

func TestAQuietStreamIsOpenedAgain(t *testing.T) {
	core := &script{plays: []play{
		func(to sender) error {
			_ = to.Send(opened("log", 0))
			_ = to.Send(batch(0, 2, 1))
			return silence(to)
		},
		send(nil, opened("log", 2), batch(2, 3, 3)),
	}}
	handler := &store{last: 3}
	// Handling may take longer than that: it is no silence of the core.
	handler.fail = func(*Batch) error { time.Sleep(400 * time.Millisecond); return nil }
	var causes []error
	follower := Follower{OnInterrupt: func(cause error, _ time.Duration) { causes = append(causes, cause) }}
	equal(t, "end", run(t, core, follower, handler), error(done{}))
	equal(t, "events", handler.events, []int64{1, 3})
	equal(t, "causes", causes, []error{errQuiet})
}

func TestStartIsForHandlersWithoutAPosition(t *testing.T) {
	latest := &paystatev1.Position{At: &paystatev1.Position_Latest{Latest: true}}
	core := &script{plays: []play{send(lost, opened("log", 40)), send(nil, opened("log", 40), batch(40, 41, 41))}}
	handler := &store{last: 41}
	equal(t, "end", run(t, core, Follower{Start: latest}, handler), error(done{}))
	// Not latest again: that would leave out what happened in between.
	equal(t, "positions", core.positions(), []string{"latest", "after 40"})
}

func TestASubscriptionIsAcknowledgedBatchByBatch(t *testing.T) {
	core := &script{plays: []play{
		send(lost, opened("log", 3), batch(3, 5, 4, 5), progress(8)),
		send(nil, opened("log", 8), batch(8, 9, 9), batch(9, 12, 11)),
	}}
	handler := &store{token: "not asked for", last: 12}
	equal(t, "end", run(t, core, Follower{Subscription: "stock"}, handler), error(done{}))
	equal(t, "positions", core.positions(), []string{"none", "none"})
	equal(t, "subscription", core.requests[0].GetSubscription(), "stock")
	var acks []string
	for _, a := range core.acks {
		acks = append(acks, a.GetSubscription()+" "+a.GetLease()+" "+describe(
			&paystatev1.Position{At: &paystatev1.Position_AfterRevision{AfterRevision: a.GetUpToRevision()}}))
	}
	// The last batch ended Run, so it was not handled.
	equal(t, "acks", acks, []string{"stock lease-3 after 5", "stock lease-3 after 8", "stock lease-8 after 9"})
}

func TestWhatWasNotAcknowledgedComesAgain(t *testing.T) {
	stale := refused(codes.FailedPrecondition, "LEASE_LOST")
	core := &script{ackFails: []error{lost, stale}, plays: []play{
		send(lost, opened("log", 3), batch(3, 5, 4, 5)),
		send(lost, opened("log", 3), batch(3, 5, 4, 5)),
		send(lost, opened("log", 3), batch(3, 5, 4, 5)),
		send(nil, opened("log", 5), batch(5, 6, 6)),
	}}
	handler := &store{last: 6}
	equal(t, "end", run(t, core, Follower{Subscription: "stock"}, handler), error(done{}))
	equal(t, "events", handler.events, []int64{4, 5, 4, 5, 4, 5, 6})
}

func TestOnlyAnAcknowledgementMakesTheWaitsOfASubscriptionShortAgain(t *testing.T) {
	core := &script{}
	stream := send(lost, opened("log", 3), progress(3), batch(3, 5, 4, 5))
	// Another reader takes the lease before we have acknowledged anything, twelve times.
	for range 12 {
		core.plays = append(core.plays, stream)
		core.ackFails = append(core.ackFails, refused(codes.FailedPrecondition, "LEASE_LOST"))
	}
	core.plays = append(core.plays, stream, send(nil, opened("log", 5), batch(5, 6, 6)))
	var waits []time.Duration
	follower := Follower{
		Subscription: "stock", OnInterrupt: func(_ error, wait time.Duration) { waits = append(waits, wait) },
	}
	equal(t, "end", run(t, core, follower, &store{last: 6}), error(done{}))
	const first = time.Millisecond
	if len(waits) != 13 || slices.Max(waits) <= first || waits[12] > first {
		t.Errorf("waited %v", waits)
	}
}

func TestWhatIsHandledWhileRunIsStoppedCounts(t *testing.T) {
	why := errors.New("we stop")
	for _, c := range []struct {
		name        string
		answer      error
		acks, parks int
	}{
		{"acknowledged", nil, 1, 0},
		{"parked", &UnprocessableError{EventID: "event-4", Reason: "no such mug"}, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, stop := context.WithCancelCause(t.Context())
			core := &script{plays: []play{send(nil, opened("log", 3), batch(3, 5, 4, 5), batch(5, 6, 6))}}
			handled := 0
			handler := HandlerFunc(func(context.Context, *Batch) error {
				handled++
				stop(why)
				return c.answer
			})
			equal(t, "end", runUntil(ctx, t, core, Follower{Subscription: "stock"}, handler), why)
			equal(t, "batches", handled, 1)
			equal(t, "acks and parks", []int{len(core.acks), len(core.parks)}, []int{c.acks, c.parks})
		})
	}
}

func TestAParkedEventMakesTheWaitsOfASubscriptionShortAgain(t *testing.T) {
	core := &script{}
	for range 12 {
		core.plays = append(core.plays, send(lost))
	}
	core.plays = append(core.plays, send(nil, opened("log", 3), batch(3, 4, 4)), send(nil, opened("log", 4), batch(4, 6, 5)))
	handler := &store{last: 6, fail: func(b *Batch) error {
		if b.AfterRevision == 3 {
			return &UnprocessableError{EventID: "event-4", Reason: "no such mug"}
		}
		return nil
	}}
	var waits []time.Duration
	follower := Follower{
		Subscription: "stock", OnInterrupt: func(_ error, wait time.Duration) { waits = append(waits, wait) },
	}
	equal(t, "end", run(t, core, follower, handler), error(done{}))
	const first = time.Millisecond
	if len(waits) != 13 || slices.Max(waits) <= first || waits[12] > first {
		t.Errorf("waited %v", waits)
	}
}

func TestAnAcknowledgementThatIsRefusedEndsRun(t *testing.T) {
	core := &script{
		ackFails: []error{refused(codes.FailedPrecondition, "ACKNOWLEDGE_AHEAD")},
		plays:    []play{send(lost, opened("log", 3), batch(3, 5, 4, 5))},
	}
	err := run(t, core, Follower{Subscription: "stock"}, &store{last: 6})
	equal(t, "reason", Reason(err), "ACKNOWLEDGE_AHEAD")
}

func TestAnEventThatCannotBeHandledIsParked(t *testing.T) {
	core := &script{plays: []play{
		send(nil, opened("log", 3), batch(3, 5, 4, 5)),
		send(nil, opened("log", 3), batch(3, 5, 4)),
		send(nil, opened("log", 5), batch(5, 6, 6)),
	}}
	handler := &store{last: 6}
	handler.fail = func(b *Batch) error {
		if len(b.Events) == 2 {
			return errors.Join(&UnprocessableError{EventID: "event-5", Reason: "no such mug"})
		}
		return nil
	}
	equal(t, "end", run(t, core, Follower{Subscription: "stock"}, handler), error(done{}))
	equal(t, "events", handler.events, []int64{4, 6})
	equal(t, "parks", len(core.parks), 1)
	park := core.parks[0]
	equal(t, "park", []string{park.GetSubscription(), park.GetLease(), park.GetEventId(), park.GetReason()},
		[]string{"stock", "lease-3", "event-5", "no such mug"})
}

func TestAHandlersOwnErrorEndsRunAsItIs(t *testing.T) {
	// Also one that looks as if the core were away, or that only makes sense with a subscription.
	for _, own := range []error{lost, &UnprocessableError{EventID: "event-1"}, errors.New("disk full")} {
		core := &script{plays: []play{send(nil, opened("log", 0), batch(0, 2, 1))}}
		handler := &store{last: 100, fail: func(*Batch) error { return own }}
		if err := run(t, core, Follower{}, handler); err != own {
			t.Errorf("ended with %v", err)
		}
		equal(t, "streams", len(core.positions()), 1)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	why := errors.New("we stop")
	ctx, cancel := context.WithCancelCause(context.Background())
	core := "http://127.0.0.1:1"
	follower := Follower{Conn: connect(t, core, Options{}), OnInterrupt: func(error, time.Duration) { cancel(why) }}
	equal(t, "end", follower.Run(ctx, &store{}), why)

	follower = Follower{Subscription: "stock", Filter: &paystatev1.EventFilter{}}
	if err := follower.Run(ctx, &store{}); err == nil || errors.Is(err, why) {
		t.Errorf("a filter beside a subscription: %v", err)
	}
}

func TestWaitsGrowToABoundAndAreRandom(t *testing.T) {
	for failures, bound := range map[int]time.Duration{
		0: 50 * time.Millisecond, 1: 100 * time.Millisecond, 7: 6400 * time.Millisecond, 8: 10 * time.Second, 999: 10 * time.Second,
	} {
		longest := time.Duration(0)
		for range 2000 {
			longest = max(longest, usual.wait(failures))
		}
		if longest > bound || longest < bound*9/10 {
			t.Errorf("%d failures: waited %v of %v", failures, longest, bound)
		}
	}
}
