// Package cassandra stores the data of confab servers in an Apache Cassandra cluster that many servers share.
// It holds the statements and maps rows to values. The rules are those of pkg/chat and pkg/auth.
//
// In reading order: Config and Open; Store, whose methods each run a few statements; db, which alone calls the driver;
// widthBook (widths.go), by which all servers agree on the buckets of a log; version (versions.go), which dates plain
// writes that compete; migrator, which applies the schema.
//
// The package guarantees:
//
//  1. A row is written either only by lightweight transactions (users, rooms, memberships, keys, remembered logins,
//     secrets) or only by plain writes. The transaction decides. The rows that follow from the decision are derived
//     from its row. Any server may write them, and may write them again.
//  2. If a transaction is not answered, its outcome is read at serial consistency. It is never guessed.
//  3. A list is an index of names. The data of a name is read from its own row. An index row is written before the row
//     it points to and removed after it.
package cassandra
