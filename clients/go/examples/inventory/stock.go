package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"net/url"
	"regexp"
	"strconv"

	_ "modernc.org/sqlite"
	"paystate.internal/paystate"
	pb "paystate.internal/paystate/paystatev1"
)

// schema: what is left of each article (below zero: oversold), what was done to it, and how far the log was followed.
const schema = `
CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, quantity INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS movement (order_id TEXT NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT NULL, revision INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS position (one INTEGER PRIMARY KEY CHECK (one = 1), resume_token TEXT NOT NULL, revision INTEGER NOT NULL);
`

func open(path string) (*sql.DB, error) {
	// WAL lets --report read while we write; immediate transactions take the lock at once instead of failing later.
	options := url.Values{
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)"}, "_txlock": {"immediate"},
	}
	store, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+options.Encode())
	if err != nil {
		return nil, err
	}
	if _, err := store.Exec(schema); err != nil {
		return nil, fmt.Errorf("%s: %w", path, errors.Join(err, store.Close()))
	}
	return store, nil
}

// stock is the handler: it keeps its position beside its effects.
type stock struct{ store *sql.DB }

var _ paystate.Handler = (*stock)(nil)

func (s *stock) Position(ctx context.Context) (token string, err error) {
	err = s.store.QueryRowContext(ctx, "SELECT resume_token FROM position").Scan(&token)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return token, err
}

// advance moves the position from where the batch begins to where it ends, and changes nothing when it stands elsewhere.
const advance = `INSERT INTO position VALUES (1, ?, ?)
	ON CONFLICT DO UPDATE SET resume_token = excluded.resume_token, revision = excluded.revision
	WHERE position.revision = ?`

// Handle stores all effects of the batch and its position, or nothing.
func (s *stock) Handle(ctx context.Context, batch *paystate.Batch) error {
	tx, err := s.store.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // Nothing after Commit.
	// First of all the position: it holds up every other process, and says whether this batch is ours to apply.
	moved, err := tx.ExecContext(ctx, advance, batch.ResumeToken, batch.UpToRevision, batch.AfterRevision)
	if err != nil {
		return err
	}
	rows, err := moved.RowsAffected()
	if err != nil {
		return err
	}
	if rows != 1 {
		return fmt.Errorf("the stored position is not revision %d: another process has gone on", batch.AfterRevision)
	}
	for _, event := range batch.Events {
		if err := apply(ctx, tx, event); err != nil {
			return fmt.Errorf("revision %d: %w", event.GetRevision(), err)
		}
	}
	return tx.Commit()
}

// holds: the shop has money for the goods, so they are the payer's.
func holds(state pb.OrderState) bool {
	return state == pb.OrderState_ORDER_STATE_PAID || state == pb.OrderState_ORDER_STATE_PARTIALLY_REFUNDED
}

func apply(ctx context.Context, tx *sql.Tx, event *pb.Event) error {
	before, after := holds(event.GetFromState()), holds(event.GetToState())
	if before == after {
		return nil
	}
	sku, quantity, ok := goods(event.GetOrder().GetDescription())
	if !ok {
		log.Printf("order %s: %q is not SKU xQUANTITY: nothing in stock", event.GetOrderId(), event.GetOrder().GetDescription())
		return nil
	}
	if after {
		quantity = -quantity
	}
	const stock = `INSERT INTO stock VALUES (?, ?) ON CONFLICT DO UPDATE SET quantity = quantity + excluded.quantity`
	if _, err := tx.ExecContext(ctx, stock, sku, quantity); err != nil {
		return err
	}
	const movement = `INSERT INTO movement VALUES (?, ?, ?, ?)`
	if _, err := tx.ExecContext(ctx, movement, event.GetOrderId(), sku, quantity, event.GetRevision()); err != nil {
		return err
	}
	log.Printf("revision %d: order %s, %s %+d", event.GetRevision(), event.GetOrderId(), sku, quantity)
	return nil
}

var goodsPattern = regexp.MustCompile(`^(\S+) x([1-9]\d*)$`)

// goods reads what an order contains: these examples write it into the description, "mug x2".
func goods(description string) (sku string, quantity int, ok bool) {
	parts := goodsPattern.FindStringSubmatch(description)
	if parts == nil {
		return "", 0, false
	}
	quantity, err := strconv.Atoi(parts[2])
	return parts[1], quantity, err == nil
}

// report counts what was done for each order.
type report struct {
	Applied  map[string]int `json:"applied"`
	Returned map[string]int `json:"returned"`
	Revision int64          `json:"revision"`
}

func summary(ctx context.Context, store *sql.DB) (*report, error) {
	// One transaction, so that counts and revision belong together.
	tx, err := store.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	r := &report{Applied: map[string]int{}, Returned: map[string]int{}}
	err = tx.QueryRowContext(ctx, "SELECT coalesce(max(revision), 0) FROM position").Scan(&r.Revision)
	if err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, "SELECT order_id, quantity < 0, count(*) FROM movement GROUP BY 1, 2")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var orderID string
		var applied bool
		var count int
		if err := rows.Scan(&orderID, &applied, &count); err != nil {
			return nil, err
		}
		if applied {
			r.Applied[orderID] = count
		} else {
			r.Returned[orderID] = count
		}
	}
	return r, rows.Err()
}
