// Package embedded is the default store: one Pebble database in its own folder, for a server that runs alone.
//
// In reading order: Options, Open and Store; change (commit.go), through which most writes go; key and record, the
// formats of keys and values; health, which handles failures of the disk; held, the changes of sessions that wait for
// the disk; Check and Repair, for damaged data.
//
// The package guarantees:
//
//  1. A write is acknowledged after the write-ahead log that holds it was synced to disk. Concurrent writers share a
//     sync. (While the disk has a fault, changes of sessions are an exception: see held.)
//  2. Each change is one atomic batch. Rows that must agree (both directions of a membership) agree after a crash too.
//  3. A change that depends on present rows (a claim of a name, a join) is made under a keyed lock (see locks). The
//     lock covers reading and applying, never the sync.
//  4. An answer that relies on another writer's unsynced change ("it is so already") is given after a sync.
package embedded
