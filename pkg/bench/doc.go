// Package bench measures a running confab server over the network, and beside it,
// with the same load, the bare things a server is made of: a net/http handler that
// answers 204, a WebSocket hub without rules, gocql without a server, the disk's
// own sync. Ratios of the two say more than either.
//
// The load generator shares its machine with the server: requests are encoded
// before the clock starts, answers are parsed no further than to their end.
package bench
