// Order is what a checkout does: it creates an order, says how it can be paid, and waits until its fate is known.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	mathrand "math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"paystate.internal/paystate"
	pb "paystate.internal/paystate/paystatev1"
)

func main() {
	core := flag.String("core", "http://127.0.0.1:50051", "URL of the core")
	sandbox := flag.String("sandbox", "https://127.0.0.1:7443", "URL of the stand-in platforms, for the line that pays")
	account := flag.String("account", "alipay", "through which account")
	goods := flag.String("goods", "mug x2", "SKU xQUANTITY")
	amount := flag.Int64("amount", 1999, "price in minor units of CNY")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	conn, err := paystate.Connect(*core, paystate.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	orders := pb.NewOrderServiceClient(conn)

	id := "order-" + rand.Text()[:12]
	number := "T" + rand.Text()[:16]
	if err := place(ctx, orders, id, number, *account, *goods, *amount); err != nil {
		log.Fatalf("%v (reason %s)", err, paystate.Reason(err))
	}
	fmt.Printf("order %s: %s for %d.%02d CNY. Pay it:\n\n", id, *goods, *amount/100, *amount%100)
	fmt.Printf("  curl -sk %s/pay -d '{\"account\":%q,\"out_trade_no\":%q,\"amount_minor\":%d}'\n\n",
		*sandbox, *account, number, *amount)
	state, err := settled(ctx, orders, id)
	if err != nil {
		log.Fatal(err)
	}
	if state != pb.OrderState_ORDER_STATE_PAID {
		os.Exit(1)
	}
}

// place makes the order and its payment known. A real shop would also start the payment at the platform, under `number`.
func place(ctx context.Context, orders pb.OrderServiceClient, id, number, account, goods string, amount int64) error {
	// The request ids make it safe to repeat either call.
	_, err := orders.CreateOrder(ctx, &pb.CreateOrderRequest{
		OrderId:     id,
		Amount:      &pb.Money{AmountMinor: amount, Currency: "CNY"},
		Description: goods,
		RequestId:   "create-" + id,
	})
	if err != nil {
		return err
	}
	_, err = orders.StartPayment(ctx, &pb.StartPaymentRequest{
		OrderId:    id,
		Account:    account,
		Method:     pb.PaymentMethod_PAYMENT_METHOD_EXTERNAL,
		OutTradeNo: number,
		RequestId:  "start-" + id,
	})
	return err
}

// settled watches until nothing more is expected, and answers with the state. Only a final state says so, never the end of a
// stream: a core that stops ends it too, and so does what is in between. Opened again, it begins with the order as it is.
func settled(ctx context.Context, orders pb.OrderServiceClient, id string) (pb.OrderState, error) {
	// Random waits, so that not all who lost the same core come back at once.
	for limit := 100 * time.Millisecond; ; limit = min(2*limit, 5*time.Second) {
		state, err := watch(ctx, orders, id)
		if err == nil && isFinal(state) || err != nil && !mayPass(err) {
			return state, err
		}
		select {
		case <-ctx.Done():
			return state, ctx.Err()
		case <-time.After(mathrand.N(limit)):
		}
	}
}

// watch reads one stream to its end: it prints each change, and answers with the last state. It waits for a core that is away.
func watch(ctx context.Context, orders pb.OrderServiceClient, id string) (state pb.OrderState, err error) {
	stream, err := orders.WatchOrder(ctx, &pb.WatchOrderRequest{OrderId: id}, grpc.WaitForReady(true))
	if err != nil {
		return state, err
	}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return state, nil
		}
		if err != nil {
			return state, err
		}
		state = message.GetOrder().GetState()
		fmt.Printf("version %d: %s\n", message.GetOrder().GetVersion(), state)
	}
}

// isFinal says whether nothing more is expected without somebody's doing.
func isFinal(state pb.OrderState) bool {
	switch state {
	case pb.OrderState_ORDER_STATE_PAID, pb.OrderState_ORDER_STATE_PARTIALLY_REFUNDED,
		pb.OrderState_ORDER_STATE_REFUNDED, pb.OrderState_ORDER_STATE_CLOSED, pb.OrderState_ORDER_STATE_ABNORMAL:
		return true
	default:
		return false
	}
}

// mayPass says whether the same call may succeed later.
func mayPass(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Internal, codes.ResourceExhausted, codes.Aborted,
		codes.Unknown, codes.Canceled:
		return true
	default:
		return false
	}
}
