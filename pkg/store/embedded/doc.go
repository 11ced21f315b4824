// Package embedded is the default store: one Pebble database in a folder of its
// own, for a server that runs alone.
//
// A write is acknowledged when the write-ahead log that holds it has been synced
// to disk; concurrent writers share a sync. Each change is one atomic batch, so
// that rows which must agree (both directions of a membership) agree after a
// crash as well.
//
// Where a change depends on what is there (a claim of a name, a join), it is
// made under a keyed lock (see locks). The lock covers reading and applying, never the
// sync. An answer that relies on another writer's unsynced change ("it is so
// already") syncs before it is given.
package embedded
