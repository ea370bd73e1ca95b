// Package paystate is the client of a paystate core.
//
// [Connect] opens a connection; the generated clients of package paystatev1 make the calls:
//
//	conn, err := paystate.Connect("http://127.0.0.1:50051", paystate.Options{})
//	orders := paystatev1.NewOrderServiceClient(conn)
//
// A [Follower] hands over every event of the log, in order and without a gap, and goes on for ever:
//
//	follower := &paystate.Follower{Conn: conn}
//	err := follower.Run(ctx, handler)
//
// Effects happen exactly once when the [Handler] stores them and the batch's resume token in one transaction.
package paystate
