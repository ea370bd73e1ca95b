// Inventory is a service that keeps stock: it deducts what an order holds when it is paid, and puts it back when all of
// the money went back. Effect and position are stored in one transaction, so each happens exactly once, whenever this
// process or the core is killed.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"paystate.internal/paystate"
)

func main() {
	core := flag.String("core", "http://127.0.0.1:50051", "URL of the core")
	database := flag.String("database", "inventory.db", "SQLite file; created when missing")
	report := flag.Bool("report", false, "print what was done so far as JSON, and end")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	store, err := open(*database)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if *report {
		err = printReport(ctx, store)
	} else {
		err = follow(ctx, *core, store)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		log.Fatal(err)
	}
}

func follow(ctx context.Context, core string, store *sql.DB) error {
	conn, err := paystate.Connect(core, paystate.Options{})
	if err != nil {
		return err
	}
	defer conn.Close()
	log.Printf("following %s; Ctrl-C ends, and the next start goes on from there", core)
	follower := &paystate.Follower{
		Conn: conn,
		OnInterrupt: func(cause error, wait time.Duration) {
			log.Printf("interrupted: %v; again in %v", cause, wait.Round(time.Millisecond))
		},
	}
	return follower.Run(ctx, &stock{store})
}

func printReport(ctx context.Context, store *sql.DB) error {
	report, err := summary(ctx, store)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}
