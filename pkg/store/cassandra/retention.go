package cassandra

import (
	"context"
	"slices"
	"time"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	setRetention  = `UPDATE rooms SET change = ?, retention = ? WHERE tenant = ? AND name = ? IF room_id = ? AND change = ?`
	allRetentions = `SELECT tenant, room_id, retention FROM rooms`

	// Both ends are bound, so that Cassandra does not read what was trimmed below.
	betweenMessages = `SELECT ` + messageColumns + `
FROM messages WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id < ? AND message_id > ? ORDER BY message_id DESC LIMIT ?`
	betweenBuckets = `SELECT bucket FROM message_buckets WHERE tenant = ? AND log_id = ? AND bucket < ? AND bucket >= ? LIMIT ?`

	trimBucket  = `DELETE FROM messages WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id < ?`
	trimAhead   = `DELETE FROM messages USING TIMESTAMP ? WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id < ?`
	dropBucket  = `DELETE FROM messages WHERE tenant = ? AND log_id = ? AND bucket = ?`
	dropBuckets = `DELETE FROM message_buckets WHERE tenant = ? AND log_id = ? AND bucket <= ?`
)

// forever stands for chat.Forever in rooms.retention; null and 0 stand for the server's retention.
const forever = -1

// ownRetention binds a retention, in seconds, and leaves the column alone when there is none.
func ownRetention(r chat.Retention) any {
	switch r {
	case chat.ServerRetention:
		return gocql.UnsetValue
	case chat.Forever:
		return int64(forever)
	}
	return int64(time.Duration(r) / time.Second)
}

func retentionOf(seconds int64) chat.Retention {
	if seconds == forever {
		return chat.Forever
	}
	return chat.Retention(time.Duration(seconds) * time.Second)
}

// SetRetention implements chat.RetentionStore.
func (s *Store) SetRetention(ctx context.Context, t chat.Tenant, r chat.RoomRef, to chat.Retention) error {
	value := ownRetention(to)
	if to == chat.ServerRetention {
		value = nil
	}
	return s.changeRoom(ctx, t, r, nil, setRetention, value, string(t), r.Name, uuid(r.ID))
}

// EachRetention implements chat.RetentionStore.
func (s *Store) EachRetention(ctx context.Context, visit func(chat.Tenant, id.ID, chat.Retention) error) error {
	type row struct {
		tenant  string
		room    id.ID
		seconds int64
	}
	var r row
	return everyRow(ctx, s, allRetentions, func() row { return r },
		func(r row) error { return visit(chat.Tenant(r.tenant), r.room, retentionOf(r.seconds)) },
		func() []any { return []any{&r.tenant, into(&r.room), &r.seconds} })
}

// Between implements chat.RetentionStore.
func (s *Store) Between(ctx context.Context, l chat.Log, before, after id.ID, limit int) ([]chat.Message, error) {
	if after.IsZero() {
		return s.Older(ctx, l, before, limit)
	}
	if after == id.Max {
		return nil, nil
	}
	lowest, err := s.bucket(ctx, l, after)
	if err != nil {
		return nil, err
	}
	return s.older(ctx, walk{log: l, statement: betweenMessages, at: before, after: after, limit: limit,
		next: func(ctx context.Context, l chat.Log, b id.Bucket, n int) ([]id.Bucket, error) {
			var all []id.Bucket
			var bucket int64
			err := s.db.rows(ctx, n, func() { all = append(all, id.Bucket(bucket)) }, betweenBuckets,
				[]any{string(l.Tenant), uuid(l.ID), int64(b), int64(lowest), n}, &bucket)
			return all, err
		}})
}

// trimAgain is how long after its end a bucket stays in the index although its messages are deleted. Writes that are
// dated an hour ahead (see finalTime) survive the first deletions, but not the last one.
const trimAgain = 65 * time.Minute

// Trim implements chat.RetentionStore. It deletes older buckets as a whole. In the bucket that the position is in, it
// deletes the older part with one range tombstone, below everything that readers ask for. Unlike other deletions these
// are dated now, so that older history can be imported immediately after a room's retention is lengthened. In a room with
// a change whose id is ahead of time they are dated by that id, as the change's own write is.
func (s *Store) Trim(ctx context.Context, l chat.Log, before id.ID) error {
	ctx, end, err := s.beginLong(ctx)
	if err != nil {
		return err
	}
	defer end()
	newest, found, err := s.newestID(ctx, chat.ChangesOf(l))
	if err != nil {
		return err
	}
	var ahead int64
	if found && newest.Time().After(s.present()) {
		ahead = micros(newest.Time())
	}
	if err := s.trim(ctx, l, before, ahead); err != nil {
		return err
	}
	return s.trim(ctx, chat.ChangesOf(l), before, 0)
}

// trimWindow is how many buckets are deleted before they are removed from the index in one step.
const trimWindow = 1000

// trim trims one log. ahead is the timestamp of the deletions; 0 for now.
func (s *Store) trim(ctx context.Context, l chat.Log, before id.ID, ahead int64) error {
	list, _, err := s.widthsAt(ctx, l, before.UnixMilli())
	if err != nil {
		return err
	}
	first := list.Of(before) // the bucket that stays, and all after it
	forget := list.Of(id.FirstAt(before.Time().Add(-trimAgain)))
	for from := minBucket; ; {
		buckets, err := s.bucketsAfter(ctx, l, from, trimWindow)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(buckets, func(b id.Bucket) bool { return b > first }); i >= 0 {
			buckets = buckets[:i]
		}
		err = forEach(ctx, len(buckets), func(ctx context.Context, i int) error {
			b := buckets[i]
			bucket := []any{string(l.Tenant), uuid(l.ID), int64(b)}
			switch {
			case b < first && ahead > 0:
				return s.db.exec(ctx, deleteMessages, append([]any{ahead}, bucket...)...)
			case b < first:
				return s.db.exec(ctx, dropBucket, bucket...)
			case ahead > 0:
				return s.db.exec(ctx, trimAhead, append(append([]any{ahead}, bucket...), uuid(before))...)
			}
			return s.db.exec(ctx, trimBucket, append(bucket, uuid(before))...)
		})
		if err == nil {
			err = s.forgetBuckets(ctx, l, buckets, forget)
		}
		if err != nil || len(buckets) < trimWindow {
			return err
		}
		from = buckets[len(buckets)-1]
	}
}

// forgetBuckets removes those of buckets, oldest first, that are below end from the index, with all before them.
func (s *Store) forgetBuckets(ctx context.Context, l chat.Log, buckets []id.Bucket, end id.Bucket) error {
	if i := slices.IndexFunc(buckets, func(b id.Bucket) bool { return b >= end }); i >= 0 {
		buckets = buckets[:i]
	}
	if len(buckets) == 0 {
		return nil
	}
	last := buckets[len(buckets)-1]
	if err := s.db.exec(ctx, dropBuckets, string(l.Tenant), uuid(l.ID), int64(last)); err != nil {
		return err
	}
	// An import of older history writes the index rows anew. (An import that runs in another process right now may not:
	// readers do not find what it writes to these buckets, as it should be.)
	for _, b := range buckets {
		s.indexed.Invalidate(bucketOf{l, b})
	}
	return nil
}
