package paystate

import (
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// domain is that of the core's google.rpc.ErrorInfo.
const domain = "paystate"

// Reason is the stable reason that the core gave for an error of any call, for example "ORDER_NOT_FOUND". It is empty
// for errors that do not come from the core itself.
func Reason(err error) string {
	return errorInfo(err).GetReason()
}

func errorInfo(err error) *errdetails.ErrorInfo {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == domain {
			return info
		}
	}
	return nil
}

// RejectedError ends [Follower.Run]: the core has refused, and would refuse again.
type RejectedError struct {
	// Code is the gRPC status code.
	Code codes.Code
	// Reason is stable, for example "LOG_ID_CHANGED"; empty when the core gave none.
	Reason string
	// Metadata belongs to the reason, for example "oldest_revision" to "EVENTS_COMPACTED".
	Metadata map[string]string

	cause error
}

func (e *RejectedError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("paystate: refused: %v", e.cause)
	}
	return fmt.Sprintf("paystate: refused with %s: %v", e.Reason, e.cause)
}

// Unwrap gives the error of the call.
func (e *RejectedError) Unwrap() error { return e.cause }

// ChainBrokenError ends [Follower.Run]: what the core sent does not continue what came before it, so something may be
// missing. Nothing of it was handed over.
type ChainBrokenError struct {
	// Problem says what does not fit, for people.
	Problem string
}

func (e *ChainBrokenError) Error() string { return "paystate: chain of revisions broken: " + e.Problem }

// UnprocessableError is for handlers of a durable subscription: returned (or wrapped) by [Handler.Handle], it says that
// one event of the batch cannot be handled, now or later. The follower parks that event and goes on with other orders.
type UnprocessableError struct {
	// EventID names the event.
	EventID string
	// Reason is for people; ListParked shows it.
	Reason string
}

func (e *UnprocessableError) Error() string {
	return fmt.Sprintf("event %s cannot be handled: %s", e.EventID, e.Reason)
}

// interruptedError ends one stream; it is worth opening another.
type interruptedError struct{ cause error }

func (e *interruptedError) Error() string { return e.cause.Error() }
func (e *interruptedError) Unwrap() error { return e.cause }

// leaseLost is no refusal: somebody has opened a newer stream of the subscription, or moved it. Ours must be opened again.
const leaseLost = "LEASE_LOST"

// fromCall tells apart what may pass and what will not.
func fromCall(err error) error {
	code, info := status.Code(err), errorInfo(err)
	if info.GetReason() == leaseLost {
		return &interruptedError{err}
	}
	switch code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Internal, codes.ResourceExhausted, codes.Aborted,
		codes.Unknown, codes.Canceled:
		return &interruptedError{err}
	default:
		return &RejectedError{Code: code, Reason: info.GetReason(), Metadata: info.GetMetadata(), cause: err}
	}
}
