package cassandra

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	insertDeletion = `INSERT INTO room_deletions (tenant, room_id, name, deleted_at) VALUES (?, ?, ?, ?)`
	doneDeletion   = `UPDATE room_deletions SET done = true WHERE tenant = ? AND room_id = ?`
	deleteDeletion = `DELETE FROM room_deletions USING TIMESTAMP ? WHERE tenant = ? AND room_id = ?`

	deleteRoom       = `DELETE FROM rooms WHERE tenant = ? AND name = ? IF room_id = ?`
	deleteRoomIndex  = `DELETE FROM rooms_by_tenant USING TIMESTAMP ? WHERE tenant = ? AND shard = ? AND name = ? AND room_id = ?`
	hideParticipants = `UPDATE participants_by_room SET room_deleted = true WHERE tenant = ? AND room_id = ?`

	deleteJoinings     = `DELETE FROM members_by_joining USING TIMESTAMP ? WHERE tenant = ? AND room_id = ?`
	deleteParticipants = `DELETE FROM participants_by_room USING TIMESTAMP ? WHERE tenant = ? AND room_id = ?`
	// The timestamp is ahead of time, as that of deletions of single messages.
	deleteMessages = `DELETE FROM messages USING TIMESTAMP ? WHERE tenant = ? AND log_id = ? AND bucket = ?`
	deleteBuckets  = `DELETE FROM message_buckets USING TIMESTAMP ? WHERE tenant = ? AND log_id = ?`
)

// A deletion of a room has four steps:
//
//  1. It records the deletion, for joins. The caller has stored the work of the sweep, which completes a deletion whose
//     server crashes.
//  2. It removes the room by one transaction, which decides the deletion.
//  3. It hides the rows that depend on the room, with one write for each table. Without this, readers would see them
//     until the sweep.
//  4. It leaves these rows to the sweep.
//
// Its cost does not depend on the number of participants or messages. The sweep completes an interrupted deletion.

// DeleteRoom implements chat.RoomStore.
func (s *Store) DeleteRoom(ctx context.Context, t chat.Tenant, r chat.Room) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	there, err := s.isRoom(ctx, t, r.Ref())
	if err != nil || !there {
		return notThere(err, r)
	}
	at := s.present().UTC()
	if err := s.db.exec(ctx, insertDeletion, string(t), uuid(r.ID), r.Name, at); err != nil {
		return err
	}
	deleted, err := s.removeRoom(ctx, t, r.Ref())
	if err != nil {
		return err
	}
	if err := s.hideRoom(ctx, t, r.Ref()); err != nil {
		return err
	}
	if !deleted {
		return chat.ErrNotFound(chat.RoomEntity, r.Name)
	}
	return nil
}

// removeRoom decides a deletion. It returns false if another call has decided it.
func (s *Store) removeRoom(ctx context.Context, t chat.Tenant, r chat.RoomRef) (deleted bool, err error) {
	verify := func(ctx context.Context) (outcome, error) {
		var kept id.ID
		found, err := s.db.decided(ctx, selectRoomID, []any{string(t), r.Name}, into(&kept))
		if err != nil || found && kept == r.ID {
			return undecided, err
		}
		return applied, nil // by this caller or concurrently by another: the room is gone
	}
	err = s.announcing(ctx, chat.RoomKey(t, r.Name), func() (err error) {
		deleted, err = s.db.decide(ctx, verify, deleteRoom, string(t), r.Name, uuid(r.ID))
		return err
	})
	return deleted, err
}

// hideRoom hides the rows that depend on a removed room. It can be repeated.
func (s *Store) hideRoom(ctx context.Context, t chat.Tenant, r chat.RoomRef) error {
	err := forEach(ctx, 2, func(ctx context.Context, i int) error {
		if i == 0 {
			return s.db.exec(ctx, hideParticipants, string(t), uuid(r.ID))
		}
		return s.db.exec(ctx, deleteRoomIndex, s.finalTime(), string(t), shardOf(r.Name), r.Name, uuid(r.ID))
	})
	if err != nil {
		return err
	}
	return s.db.exec(ctx, doneDeletion, string(t), uuid(r.ID))
}

// underWay is the longest time that a DeleteRoom may take.
const underWay = time.Minute

// SweepRoom implements chat.Sweeper.
func (s *Store) SweepRoom(ctx context.Context, sweep chat.Sweep, progress func(removed int)) error {
	ctx, end, err := s.beginLong(ctx)
	if err != nil {
		return err
	}
	defer end()
	there, err := s.isRoom(ctx, sweep.Tenant, sweep.Room)
	if err != nil {
		return err
	}
	if there {
		if s.present().Sub(sweep.DeletedAt).Abs() < underWay {
			return nil // its DeleteRoom may still be running, and has to remove the room itself
		}
		if _, err := s.removeRoom(ctx, sweep.Tenant, sweep.Room); err != nil {
			return err
		}
	} else if err := s.announcing(ctx, chat.RoomKey(sweep.Tenant, sweep.Room.Name), func() error { return nil }); err != nil {
		return err // the removal may have been applied long after its server announced it and crashed
	}
	if err := s.hideRoom(ctx, sweep.Tenant, sweep.Room); err != nil {
		return err
	}
	removed := 0
	count := func(n int) {
		removed += n
		if progress != nil {
			progress(removed)
		}
	}
	if err := s.sweepParticipants(ctx, sweep, count); err != nil {
		return err
	}
	if err := s.sweepLists(ctx, sweep.Tenant, sweep.Room.ID); err != nil {
		return err
	}
	if err := s.sweepPlaces(ctx, placeRoom{sweep.Tenant, sweep.Room.ID}); err != nil {
		return err
	}
	log := chat.Log{Tenant: sweep.Tenant, ID: sweep.Room.ID}
	if err := s.sweepKeys(ctx, log, count); err != nil {
		return err
	}
	// Changes are dated by their ids, which may have been made by a clock that was ahead.
	at := s.finalTime()
	newest, found, err := s.newestID(ctx, chat.ChangesOf(log))
	if err != nil {
		return err
	}
	if found {
		at = max(at, micros(newest.Time().Add(time.Hour)))
	}
	if err := s.sweepMessages(ctx, log, at, count); err != nil {
		return err
	}
	return s.sweepMessages(ctx, chat.ChangesOf(log), s.finalTime(), count)
}

func (s *Store) sweepMessages(ctx context.Context, log chat.Log, at int64, count func(int)) error {
	for from := maxBucket; ; {
		buckets, err := s.bucketsBefore(ctx, log, from, indexWindow)
		if err != nil {
			return err
		}
		// The index stays until the end of the sweep, so that late messages are found.
		err = forEach(ctx, len(buckets), func(ctx context.Context, i int) error {
			return s.db.exec(ctx, deleteMessages, at, string(log.Tenant), uuid(log.ID), int64(buckets[i]))
		})
		if err != nil {
			return err
		}
		if len(buckets) == 0 {
			return nil
		}
		count(len(buckets))
		from = buckets[len(buckets)-1]
	}
}

func (s *Store) sweepParticipants(ctx context.Context, sweep chat.Sweep, count func(int)) error {
	t, room := sweep.Tenant, sweep.Room
	for after := ""; ; {
		members, _, err := s.memberRows(ctx, t, room.ID, after, pageRows)
		if err != nil {
			return err
		}
		err = forEach(ctx, len(members), func(ctx context.Context, i int) error {
			login := members[i].Login
			if _, err := s.db.apply(ctx, forgetMembership, string(t), uuid(room.ID), login); err != nil {
				return err
			}
			if err := s.db.exec(ctx, deleteReading, ticks(s.finalTime()), string(t), login, uuid(room.ID)); err != nil {
				return err
			}
			gone := membership{person: members[i].Person, since: members[i].Since, version: s.finalTime()}
			return s.db.together(ctx, gone.views(t, room.ID, room.Name)...)
		})
		if err != nil {
			return err
		}
		count(len(members))
		if len(members) < pageRows {
			return nil
		}
		after = members[len(members)-1].Login
	}
}

// EndSweep implements chat.Sweeper.
func (s *Store) EndSweep(ctx context.Context, sweep chat.Sweep) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	t, room := string(sweep.Tenant), uuid(sweep.Room.ID)
	log := chat.Log{Tenant: sweep.Tenant, ID: sweep.Room.ID}
	changes := uuid(chat.ChangesOf(log).ID)
	err = forEach(ctx, 6, func(ctx context.Context, i int) error {
		switch i {
		case 5:
			return s.db.exec(ctx, deleteJoinings, s.finalTime(), t, room)
		case 3:
			return s.deleteWidths(ctx, log)
		case 4:
			return s.deleteWidths(ctx, chat.ChangesOf(log))
		case 0:
			return s.db.exec(ctx, deleteBuckets, s.finalTime(), t, room)
		case 1:
			return s.db.exec(ctx, deleteBuckets, s.finalTime(), t, changes)
		}
		return s.db.exec(ctx, deleteParticipants, s.finalTime(), t, room)
	})
	if err != nil {
		return err
	}
	return s.db.together(ctx,
		write{deleteDeletion, []any{s.finalTime(), t, room}},
		write{deleteSweep, []any{s.finalTime(), sweepShard(sweep.Room.ID), t, room}})
}
