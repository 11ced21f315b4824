package cassandra

import (
	"bytes"
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

const (
	insertKey = `INSERT INTO idempotency_keys (tenant, log_id, login, key, message_id, content_sha256, author_first_name, author_last_name, system)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS USING TTL ?`
	selectKey = `SELECT message_id, content_sha256, author_first_name, author_last_name, system FROM idempotency_keys
WHERE tenant = ? AND log_id = ? AND login = ? AND key = ?`
	deleteKey = `DELETE FROM idempotency_keys WHERE tenant = ? AND log_id = ? AND login = ? AND key = ? IF EXISTS`

	insertKeyOfLog  = `INSERT INTO keys_by_log (tenant, log_id, window, login, key) VALUES (?, ?, ?, ?, ?) USING TTL ?`
	listKeysOfLog   = `SELECT login, key FROM keys_by_log WHERE tenant = ? AND log_id = ? AND window = ? AND (login, key) > (?, ?) LIMIT ?`
	listKeysOfUser  = `SELECT key FROM keys_by_log WHERE tenant = ? AND log_id = ? AND window = ? AND login = ? AND key > ? AND key <= ? LIMIT ?`
	deleteKeysOfLog = `DELETE FROM keys_by_log USING TIMESTAMP ? WHERE tenant = ? AND log_id = ? AND window = ?`
	// One range, so it leaves one tombstone.
	deleteKeysOfUser = `DELETE FROM keys_by_log USING TIMESTAMP ? WHERE tenant = ? AND log_id = ? AND window = ? AND login = ?`
)

// keyWindow is the span of time whose keys of a log are listed in one partition.
const keyWindow = 6 * time.Hour

func keyWindowOf(t time.Time) int64 { return t.Truncate(keyWindow).UnixMilli() }

// keySeconds is KeyLifetime plus an hour for clocks that differ.
const keySeconds = int(chat.KeyLifetime/time.Second) + 3600

// claimed is a row of idempotency_keys.
type claimed struct {
	message chat.Message // without its content and payload
	hash    []byte
}

// AppendOnce implements chat.MessageStore. The claim of the key decides which message the key stands for. Every caller
// that reads the claim's row may then write the message.
func (s *Store) AppendOnce(ctx context.Context, l chat.Log, key string, m chat.Message, trimmed id.ID) (first chat.Message, repeated bool, err error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return chat.Message{}, false, err
	}
	defer end()
	hash := m.Digest()
	verify := func(ctx context.Context) (outcome, error) {
		c, found, err := s.key(ctx, l, m.Author.Login, key)
		switch {
		case err != nil || !found:
			return undecided, err
		case c.message.ID == m.ID:
			return applied, nil
		default:
			return rejected, nil
		}
	}
	for {
		var done bool
		err := forEach(ctx, 2, func(ctx context.Context, i int) (err error) {
			if i == 0 {
				return s.db.exec(ctx, insertKeyOfLog, string(l.Tenant), uuid(l.ID), keyWindowOf(s.now()), m.Author.Login, key, keySeconds)
			}
			done, err = s.db.decide(ctx, verify, insertKey, string(l.Tenant), uuid(l.ID), m.Author.Login, key,
				uuid(m.ID), hash[:], m.Author.FirstName, m.Author.LastName, m.System, keySeconds)
			return err
		})
		if err != nil {
			return chat.Message{}, false, err
		}
		if done {
			return m, false, s.append(ctx, l, m)
		}
		c, found, err := s.key(ctx, l, m.Author.Login, key)
		if err != nil {
			return chat.Message{}, false, err
		}
		if !found {
			continue // it has expired this moment
		}
		first, err = s.appended(ctx, l, c, hash, m, trimmed)
		return first, err == nil, err
	}
}

// appended returns the message of a claim. It stores the message if the claimant has not done so yet, or has crashed.
// It does not restore a message that Trim may have removed.
func (s *Store) appended(ctx context.Context, l chat.Log, c claimed, hash [32]byte, repetition chat.Message, trimmed id.ID) (chat.Message, error) {
	if !bytes.Equal(c.hash, hash[:]) {
		return chat.Message{}, &chat.Error{Kind: chat.Conflict, Entity: chat.KeyEntity,
			Message: "this Idempotency-Key was used for another message"}
	}
	m, found, err := s.message(ctx, l, c.message.ID)
	if err != nil || found {
		return m, err
	}
	// The contents are equal, because their hashes are.
	c.message.Content, c.message.ReplyTo, c.message.Payload = repetition.Content, repetition.ReplyTo, repetition.Payload
	if !trimmed.IsZero() && c.message.ID.Compare(trimmed) <= 0 {
		return c.message, nil
	}
	return c.message, s.append(ctx, l, c.message)
}

func (s *Store) key(ctx context.Context, l chat.Log, login, key string) (claimed, bool, error) {
	c := claimed{message: chat.Message{Author: chat.Person{Login: login}}}
	var of id.ID
	found, err := s.db.decided(ctx, selectKey, []any{string(l.Tenant), uuid(l.ID), login, key},
		into(&of), &c.hash, &c.message.Author.FirstName, &c.message.Author.LastName, &c.message.System)
	c.message.ID = of
	return c, found, err
}

// sweepKeys removes the keys of a log. It skips a window of which some keys have expired: a busy room leaves more
// expired rows in it than Cassandra reads past in one statement. The other keys of such a window expire within its
// length.
func (s *Store) sweepKeys(ctx context.Context, l chat.Log, count func(int)) error {
	first := s.now().Add(-time.Duration(keySeconds)*time.Second + keyWindow)
	for at := first; !at.After(s.now().Add(keyWindow)); at = at.Add(keyWindow) {
		if err := s.sweepKeyWindow(ctx, l, keyWindowOf(at), count); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) sweepKeyWindow(ctx context.Context, l chat.Log, window int64, count func(int)) error {
	type name struct{ login, key string }
	for after := (name{}); ; {
		var names []name
		var n name
		err := s.db.rows(ctx, pageRows, func() { names = append(names, n) }, listKeysOfLog,
			[]any{string(l.Tenant), uuid(l.ID), window, after.login, after.key, pageRows}, &n.login, &n.key)
		if err != nil || len(names) == 0 && after == (name{}) {
			return err
		}
		err = forEach(ctx, len(names), func(ctx context.Context, i int) error {
			_, err := s.db.apply(ctx, deleteKey, string(l.Tenant), uuid(l.ID), names[i].login, names[i].key)
			return err
		})
		if err != nil {
			return err
		}
		count(len(names))
		if len(names) < pageRows {
			return s.db.exec(ctx, deleteKeysOfLog, s.finalTime(), string(l.Tenant), uuid(l.ID), window)
		}
		after = names[len(names)-1]
	}
}

// forgetKeys removes the keys of a user in a log. It reads only the rows of the user, so it also reads the window of which
// some keys have expired.
func (s *Store) forgetKeys(ctx context.Context, l chat.Log, login string) error {
	first := s.present().Add(-time.Duration(keySeconds) * time.Second)
	windows := int((time.Duration(keySeconds)*time.Second)/keyWindow) + 3 // the last one for clocks that are ahead
	return forEach(ctx, windows, func(ctx context.Context, i int) error {
		return s.forgetKeysIn(ctx, l, login, keyWindowOf(first.Add(time.Duration(i)*keyWindow)))
	})
}

func (s *Store) forgetKeysIn(ctx context.Context, l chat.Log, login string, window int64) error {
	some := false
	for after := ""; ; {
		names, err := inSpan(ctx, span{afterName(after), listEnd}, pageRows, func(ctx context.Context, sp span, limit int) (names []string, err error) {
			var key string
			err = s.db.rows(ctx, limit, func() { names = append(names, key) }, listKeysOfUser,
				[]any{string(l.Tenant), uuid(l.ID), window, login, sp.after.name, sp.to.name, limit}, &key)
			return names, err
		})
		if err != nil {
			return err
		}
		err = forEach(ctx, len(names), func(ctx context.Context, i int) error {
			_, err := s.db.apply(ctx, deleteKey, string(l.Tenant), uuid(l.ID), login, names[i])
			return err
		})
		if err != nil {
			return err
		}
		some = some || len(names) > 0
		if len(names) < pageRows {
			break
		}
		after = names[len(names)-1]
	}
	if !some {
		return nil
	}
	return s.db.exec(ctx, deleteKeysOfUser, s.finalTime(), string(l.Tenant), uuid(l.ID), window, login)
}
