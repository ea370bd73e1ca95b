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
	"os"
	"os/signal"
	"syscall"

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
	if err := wait(ctx, orders, id); err != nil {
		log.Fatal(err)
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

// wait prints each change until nothing more is expected. A stream that is lost is opened again: it begins with the order as
// it is.
func wait(ctx context.Context, orders pb.OrderServiceClient, id string) error {
	for {
		stream, err := orders.WatchOrder(ctx, &pb.WatchOrderRequest{OrderId: id}, grpc.WaitForReady(true))
		if err == nil {
			err = show(stream)
		}
		if status.Code(err) != codes.Unavailable {
			return err
		}
	}
}

func show(stream grpc.ServerStreamingClient[pb.WatchOrderResponse]) error {
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Printf("version %d: %s\n", message.GetOrder().GetVersion(), message.GetOrder().GetState())
	}
}
