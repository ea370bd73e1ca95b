package paystate

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"paystate.internal/paystate/paystatev1"
)

type sender = grpc.ServerStreamingServer[paystatev1.StreamEventsResponse]

// play is what the server does with one stream.
type play func(sender) error

// script is a core that does as it is told: stream after stream, then it is silent.
type script struct {
	paystatev1.UnimplementedSubscriptionServiceServer
	mu       sync.Mutex
	plays    []play
	requests []*paystatev1.StreamEventsRequest
	acks     []*paystatev1.AcknowledgeRequest
	parks    []*paystatev1.ParkRequest
	ackFails []error
}

func (s *script) StreamEvents(request *paystatev1.StreamEventsRequest, to sender) error {
	s.mu.Lock()
	s.requests = append(s.requests, request)
	next := silence
	if len(s.plays) > 0 {
		next, s.plays = s.plays[0], s.plays[1:]
	}
	s.mu.Unlock()
	return next(to)
}

func (s *script) Acknowledge(_ context.Context, r *paystatev1.AcknowledgeRequest) (*paystatev1.AcknowledgeResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ackFails) > 0 {
		err := s.ackFails[0]
		s.ackFails = s.ackFails[1:]
		return nil, err
	}
	s.acks = append(s.acks, r)
	return &paystatev1.AcknowledgeResponse{AcknowledgedRevision: r.GetUpToRevision()}, nil
}

func (s *script) Park(_ context.Context, r *paystatev1.ParkRequest) (*paystatev1.ParkResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parks = append(s.parks, r)
	return &paystatev1.ParkResponse{}, nil
}

func (s *script) positions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, r := range s.requests {
		all = append(all, describe(r.GetPosition()))
	}
	return all
}

func describe(p *paystatev1.Position) string {
	switch at := p.GetAt().(type) {
	case *paystatev1.Position_Earliest:
		return "earliest"
	case *paystatev1.Position_Latest:
		return "latest"
	case *paystatev1.Position_AfterRevision:
		return fmt.Sprint("after ", at.AfterRevision)
	case *paystatev1.Position_ResumeToken:
		return at.ResumeToken
	default:
		return "none"
	}
}

func silence(to sender) error {
	<-to.Context().Done()
	return nil
}

// send is a play of some messages, then an end.
func send(end error, messages ...*paystatev1.StreamEventsResponse) play {
	return func(to sender) error {
		for _, m := range messages {
			if err := to.Send(m); err != nil {
				return err
			}
		}
		return end
	}
}

func opened(logID string, after int64) *paystatev1.StreamEventsResponse {
	o := &paystatev1.Opened{LogId: logID, AfterRevision: after, Lease: fmt.Sprint("lease-", after)}
	return &paystatev1.StreamEventsResponse{Message: &paystatev1.StreamEventsResponse_Opened{Opened: o}}
}

func batch(after, upTo int64, revisions ...int64) *paystatev1.StreamEventsResponse {
	b := &paystatev1.Batch{AfterRevision: after, UpToRevision: upTo, ResumeToken: fmt.Sprint("token-", upTo)}
	for _, r := range revisions {
		b.Events = append(b.Events, &paystatev1.Event{Revision: r, EventId: fmt.Sprint("event-", r)})
	}
	return &paystatev1.StreamEventsResponse{Message: &paystatev1.StreamEventsResponse_Batch{Batch: b}}
}

func progress(upTo int64) *paystatev1.StreamEventsResponse {
	p := &paystatev1.Progress{UpToRevision: upTo, ResumeToken: fmt.Sprint("token-", upTo)}
	return &paystatev1.StreamEventsResponse{Message: &paystatev1.StreamEventsResponse_Progress{Progress: p}}
}

func goingAway() *paystatev1.StreamEventsResponse {
	g := &paystatev1.GoingAway{Reason: "draining"}
	return &paystatev1.StreamEventsResponse{Message: &paystatev1.StreamEventsResponse_GoingAway{GoingAway: g}}
}

var lost = status.Error(codes.Unavailable, "connection lost")

func refused(code codes.Code, reason string) error {
	s, err := status.New(code, "refused").WithDetails(&errdetails.ErrorInfo{
		Domain: "paystate", Reason: reason, Metadata: map[string]string{"oldest_revision": "7"},
	})
	if err != nil {
		panic(err)
	}
	return s.Err()
}

// serve starts a server with the services of `register`, and ends it with the test. Answers with its address.
func serve(t *testing.T, secure credentials.TransportCredentials, register func(*grpc.Server)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(secure))
	register(server)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func connect(t *testing.T, url string, options Options) *grpc.ClientConn {
	t.Helper()
	conn, err := Connect(url, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// store is a handler with a position; it ends Run with `done` once it has seen the last revision.
type store struct {
	token   string
	batches []string
	events  []int64
	last    int64
	fail    func(*Batch) error
}

type done struct{}

func (done) Error() string { return "done" }

func (s *store) Position(context.Context) (string, error) { return s.token, nil }

func (s *store) Handle(_ context.Context, b *Batch) error {
	if s.fail != nil {
		if err := s.fail(b); err != nil {
			return err
		}
	}
	s.token = b.ResumeToken
	s.batches = append(s.batches, fmt.Sprintf("(%d,%d]", b.AfterRevision, b.UpToRevision))
	for _, e := range b.Events {
		s.events = append(s.events, e.GetRevision())
	}
	if b.UpToRevision >= s.last {
		return done{}
	}
	return nil
}

// run follows the script until Run ends, or until it is plain that it does not.
func run(t *testing.T, core *script, follower Follower, handler Handler) error {
	t.Helper()
	return runUntil(t.Context(), t, core, follower, handler)
}

// runUntil is run that can be stopped.
func runUntil(ctx context.Context, t *testing.T, core *script, follower Follower, handler Handler) error {
	t.Helper()
	address := serve(t, insecure.NewCredentials(), func(s *grpc.Server) {
		paystatev1.RegisterSubscriptionServiceServer(s, core)
	})
	follower.Conn = connect(t, "http://"+address, Options{})
	follower.timing = &timing{quiet: 300 * time.Millisecond, first: time.Millisecond, longest: 10 * time.Millisecond}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return follower.Run(ctx, handler)
}
