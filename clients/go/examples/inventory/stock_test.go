package main

import (
	"fmt"
	"path/filepath"
	"reflect"
	"testing"

	"paystate.internal/paystate"
	pb "paystate.internal/paystate/paystatev1"
)

// paid is a batch of one event: an order with these goods is paid.
func paid(revision int64, description string) *paystate.Batch {
	event := &pb.Event{
		Revision: revision, OrderId: description, FromState: pb.OrderState_ORDER_STATE_PENDING,
		ToState: pb.OrderState_ORDER_STATE_PAID, Order: &pb.Order{Description: description},
	}
	return &paystate.Batch{
		AfterRevision: revision - 1, UpToRevision: revision, Events: []*pb.Event{event}, ResumeToken: fmt.Sprint("token-", revision),
	}
}

func TestOfTwoProcessesOneAppliesABatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inventory.db")
	var processes [2]*stock
	for i := range processes {
		store, err := open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		processes[i] = &stock{store}
	}
	// The place where a log begins is no effect, so both may store it.
	nothing := &paystate.Batch{AfterRevision: 7, UpToRevision: 7, ResumeToken: "token-7"}
	for _, process := range processes {
		if err := process.Handle(t.Context(), nothing); err != nil {
			t.Fatal(err)
		}
	}
	for revision := int64(8); revision < 12; revision++ {
		first, second := processes[revision%2], processes[1-revision%2]
		if err := first.Handle(t.Context(), paid(revision, "mug x2")); err != nil {
			t.Fatal(err)
		}
		if err := second.Handle(t.Context(), paid(revision, "mug x2")); err == nil {
			t.Errorf("revision %d was applied twice", revision)
		}
	}
	report, err := summary(t.Context(), processes[0].store)
	if err != nil {
		t.Fatal(err)
	}
	if report.Applied["mug x2"] != 4 || report.Revision != 11 {
		t.Errorf("%+v", report)
	}
}

func TestWhatAnOrderContains(t *testing.T) {
	type contents struct {
		sku      string
		quantity int
		ok       bool
	}
	for description, want := range map[string]contents{
		"mug x2":       {"mug", 2, true},
		"mug-x x10":    {"mug-x", 10, true},
		"mug x1234567": {"mug", 1234567, true},
	} {
		sku, quantity, ok := goods(description)
		if got := (contents{sku, quantity, ok}); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v", description, got)
		}
	}
	for _, description := range []string{
		"", "mug", "mug x", "mug x0", "mug x02", "mug x-2", "mug x+2", "mug x2 blue", "blue mug x2", "mug  x2", " x2", "mug x2\n",
		"mug x99999999999999999999",
	} {
		if sku, quantity, ok := goods(description); ok {
			t.Errorf("%q: %d of %q", description, quantity, sku)
		}
	}
}
