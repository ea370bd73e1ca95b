package paystate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"

	"paystate.internal/paystate/paystatev1"
)

// Batch is a piece of the log: everything in (AfterRevision, UpToRevision] was looked at, and Events are those that
// match the filter, in order. It has no events when nothing matched for a while.
type Batch struct {
	// AfterRevision is UpToRevision of the batch before.
	AfterRevision int64
	// UpToRevision ends the piece.
	UpToRevision int64
	// Events is what happened, by ascending revision.
	Events []*paystatev1.Event
	// ResumeToken is where the next batch begins. Store it in the transaction of the events' effects; with a durable
	// subscription, whose position the core keeps, there is no need to.
	ResumeToken string
}

// Handler takes the events. No two of its methods are called at the same time.
type Handler interface {
	// Position loads the resume token of the last batch that took effect; empty when there is none. It is called once,
	// when Run begins, and never for a durable subscription.
	Position(ctx context.Context) (resumeToken string, err error)
	// Handle makes the batch take effect, and stores its ResumeToken and UpToRevision in the same transaction. First of
	// all in that transaction it compares the stored revision with AfterRevision, and fails if they differ: then another
	// process of yours has gone on meanwhile, and this batch has taken effect. An error ends Run with that error, and
	// the batch was not handled; see UnprocessableError for the exception.
	Handle(ctx context.Context, batch *Batch) error
}

// HandlerFunc is a [Handler] that stores no position: for durable subscriptions, and for readers that begin at
// Follower.Start each time.
type HandlerFunc func(ctx context.Context, batch *Batch) error

// Position has nothing stored.
func (f HandlerFunc) Position(context.Context) (string, error) { return "", nil }

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, batch *Batch) error { return f(ctx, batch) }

// Follower reads the log of events, in one of two modes.
//
// Without Subscription the handler keeps the position: it stores the resume token together with its effects, so each
// event takes effect exactly once, whenever either side is killed.
//
// With Subscription the core keeps the position, and the follower acknowledges each batch after Handle has returned. An
// event may come again when the process dies in between: at least once, with a stable event_id. One reader at a time: a
// second one takes the subscription over, and the first takes it back; the longer neither of them acknowledges or parks
// anything, the less often, so that two of them get through a rolling deploy.
type Follower struct {
	// Conn leads to the core; see Connect.
	Conn grpc.ClientConnInterface
	// Subscription names a durable subscription, which must exist; empty for a handler that keeps its own position.
	Subscription string
	// Filter says which events are wanted; nil for all. A subscription has its own.
	Filter *paystatev1.EventFilter
	// Start is where reading begins when the handler has no position yet; nil for the oldest event. A subscription
	// has its own.
	Start *paystatev1.Position
	// OnInterrupt, if set, hears why a stream has ended and how long it takes until the next is opened. For logs.
	OnInterrupt func(cause error, wait time.Duration)

	timing *timing
}

// Run hands batches to the handler until ctx is done, the handler fails, the core refuses for good (*RejectedError) or
// the chain of revisions breaks (*ChainBrokenError). It never returns nil. A core that is away, slow, restarted or
// silent is not an error: Run opens the stream again, for ever, and goes on where Handle last succeeded.
// When ctx ends while Handle runs, what comes of it still counts: it is acknowledged, or parked.
func (f *Follower) Run(ctx context.Context, handler Handler) error {
	if f.Subscription != "" && (f.Filter != nil || f.Start != nil) {
		return errors.New("paystate: a subscription has its own filter and position: leave out Filter and Start")
	}
	s := &session{
		Follower: f,
		client:   paystatev1.NewSubscriptionServiceClient(f.Conn),
		handler:  handler,
		timing:   usual,
	}
	if f.timing != nil {
		s.timing = *f.timing
	}
	if f.Subscription == "" {
		token, err := handler.Position(ctx)
		if err != nil {
			return err
		}
		s.position = begin(token, f.Start)
	}
	return s.run(ctx)
}

// begin is where the first stream begins.
func begin(token string, start *paystatev1.Position) *paystatev1.Position {
	switch {
	case token != "":
		return resume(token)
	case start != nil:
		return start
	default:
		return &paystatev1.Position{At: &paystatev1.Position_Earliest{Earliest: true}}
	}
}

func resume(token string) *paystatev1.Position {
	return &paystatev1.Position{At: &paystatev1.Position_ResumeToken{ResumeToken: token}}
}

// session is one Run.
type session struct {
	*Follower
	client  paystatev1.SubscriptionServiceClient
	handler Handler
	timing  timing
	chain   chain
	// position is where the next stream begins; nil for a subscription.
	position *paystatev1.Position
	// failures counts the streams in a row that brought us nothing; with a subscription, neither an acknowledgement nor a
	// parked event.
	failures int
}

func (s *session) run(ctx context.Context) error {
	for {
		err := s.stream(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var interrupted *interruptedError
		if !errors.As(err, &interrupted) {
			return unwrapped(err)
		}
		wait := s.timing.wait(s.failures)
		s.failures++
		if s.OnInterrupt != nil {
			s.OnInterrupt(interrupted.cause, wait)
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// handlerError keeps a handler's error apart from those of our own calls.
type handlerError struct{ error }

func unwrapped(err error) error {
	if failed, ok := err.(handlerError); ok {
		return failed.error
	}
	return err
}

// stream follows one stream to its end, of which it says why.
func (s *session) stream(ctx context.Context) error {
	call, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	request := &paystatev1.StreamEventsRequest{
		Subscription: s.Subscription, Position: s.position, Filter: s.Filter,
	}
	stream, err := s.client.StreamEvents(call, request)
	if err != nil {
		return fromCall(err)
	}
	// Opened fences our acknowledgements; empty without a subscription.
	lease := ""
	for opened := false; ; {
		if ctx.Err() != nil {
			return ctx.Err() // A message that is there already could still be received.
		}
		message, err := s.receive(call, stream, cancel)
		if err != nil {
			return err
		}
		switch m := message.GetMessage().(type) {
		case *paystatev1.StreamEventsResponse_Opened:
			if opened {
				return broken("the stream says Opened twice")
			}
			opened, lease = true, m.Opened.GetLease()
			err = s.opened(m.Opened)
		case *paystatev1.StreamEventsResponse_GoingAway:
			return &interruptedError{fmt.Errorf("the core ends the stream: %s", m.GoingAway.GetReason())}
		case nil:
			// A kind of message that a newer core sends.
		default:
			if !opened {
				return broken("the stream does not begin with Opened")
			}
			err = s.deliver(ctx, lease, message)
		}
		if err != nil {
			return err
		}
	}
}

var errQuiet = errors.New("the stream was silent for too long")

// receive takes the next message; time counts only while we wait for it.
func (s *session) receive(
	call context.Context,
	stream grpc.ServerStreamingClient[paystatev1.StreamEventsResponse],
	cancel context.CancelCauseFunc,
) (*paystatev1.StreamEventsResponse, error) {
	silence := time.AfterFunc(s.timing.quiet, func() { cancel(errQuiet) })
	defer silence.Stop()
	message, err := stream.Recv()
	switch {
	case err == nil:
		return message, nil
	case context.Cause(call) == errQuiet:
		return nil, &interruptedError{errQuiet}
	case errors.Is(err, io.EOF):
		return nil, &interruptedError{errors.New("the core has ended the stream")}
	default:
		return nil, fromCall(err)
	}
}

func (s *session) opened(o *paystatev1.Opened) error {
	if err := s.chain.opened(o, s.Subscription != ""); err != nil {
		return err
	}
	if s.unstored() {
		// "Latest" must not mean a later point when the stream is opened again.
		s.position = &paystatev1.Position{At: &paystatev1.Position_AfterRevision{AfterRevision: o.GetAfterRevision()}}
	}
	return nil
}

// unstored says whether the handler has nothing stored yet, so that also a place where the log stands still is news to it:
// without it the next Run would begin at another "latest".
func (s *session) unstored() bool {
	return s.Subscription == "" && s.position.GetResumeToken() == ""
}

// batch is what a message hands over. Progress is a batch without events.
func (s *session) batch(message *paystatev1.StreamEventsResponse) *Batch {
	if p := message.GetProgress(); p != nil {
		return &Batch{AfterRevision: s.chain.upTo, UpToRevision: p.GetUpToRevision(), ResumeToken: p.GetResumeToken()}
	}
	b := message.GetBatch()
	return &Batch{
		AfterRevision: b.GetAfterRevision(), UpToRevision: b.GetUpToRevision(), Events: b.GetEvents(),
		ResumeToken: b.GetResumeToken(),
	}
}

// deliver hands over what continues the chain, and remembers or acknowledges it.
func (s *session) deliver(ctx context.Context, lease string, message *paystatev1.StreamEventsResponse) error {
	batch := s.batch(message)
	if err := s.chain.batch(batch); err != nil {
		return err
	}
	if s.Subscription == "" {
		s.failures = 0
	}
	if batch.UpToRevision == batch.AfterRevision && !s.unstored() {
		return nil // A mere sign of life.
	}
	err := s.handler.Handle(ctx, batch)
	var unprocessable *UnprocessableError
	switch {
	case err == nil && s.Subscription == "":
		s.position = resume(batch.ResumeToken)
		return nil
	case err == nil:
		return s.acknowledge(ctx, lease, batch.UpToRevision)
	case s.Subscription != "" && errors.As(err, &unprocessable):
		return s.park(ctx, lease, unprocessable)
	default:
		return handlerError{err}
	}
}

// bound gives a call its time, also when Run is told to stop: what was handled would come again otherwise.
func (s *session) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), s.timing.quiet)
}

func (s *session) acknowledge(ctx context.Context, lease string, upTo int64) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	request := &paystatev1.AcknowledgeRequest{Subscription: s.Subscription, Lease: lease, UpToRevision: upTo}
	if _, err := s.client.Acknowledge(ctx, request); err != nil {
		return fromCall(err)
	}
	s.failures = 0
	return nil
}

// park puts an event aside. The rest of its batch comes again on the next stream.
func (s *session) park(ctx context.Context, lease string, event *UnprocessableError) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	request := &paystatev1.ParkRequest{
		Subscription: s.Subscription, Lease: lease, EventId: event.EventID, Reason: event.Reason,
	}
	if _, err := s.client.Park(ctx, request); err != nil {
		return fromCall(err)
	}
	s.failures = 0
	return &interruptedError{fmt.Errorf("parked: %w", event)}
}
