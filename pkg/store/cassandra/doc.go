// Package cassandra keeps a confab server's data in an Apache Cassandra cluster
// that many servers share. It is statements and row mapping: the rules are those of
// pkg/chat and pkg/auth.
//
// Three habits hold everywhere:
//
//   - A row is written either only by lightweight transactions (users, rooms, memberships,
//     keys, remembered logins, secrets) or only by plain writes. A transaction decides; what
//     follows from the decision is derived from its row, may be written by anybody, and can
//     be written again.
//   - The outcome of a transaction that was not answered is read back with LOCAL_SERIAL,
//     never guessed.
//   - A list is an index of names; what a name stands for is read from its own row. An
//     index row is written before what it points to and removed after it.
package cassandra
