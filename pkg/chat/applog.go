package chat

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/guard"
	"github.com/confab-chat/confab/pkg/id"
)

// The log of an app has everything that was said in it, in the order of time: the messages for users themselves, and a
// reference to each message in a room of the app. What a reference leads to is read when it is shown, so that an edit, a
// recall and a deletion hold there too.

// referenceKind is the kind of the messages that are references. Nobody can send one.
const referenceKind MessageKind = "_reference"

// Reference says where a message of a room is.
type Reference struct {
	Room id.ID    `json:"room"`
	Kind RoomKind `json:"kind"`
}

// referenceTo returns the message of an app's log that stands for m.
func referenceTo(r Room, m Message) Message {
	body, err := json.Marshal(Reference{Room: r.ID, Kind: r.Settings.Kind})
	if err != nil {
		panic("chat: a reference that is no JSON: " + err.Error())
	}
	return Message{ID: m.ID, Author: m.Author, Payload: Payload{Kind: referenceKind, Body: body, To: m.To}}
}

// AppMessage is a message of an app. In is zero for one that is addressed to a user (Payload.To), but if it is in a direct
// conversation of the chat API.
type AppMessage struct {
	Message
	In Reference
}

// AppQuery selects messages of an app.
type AppQuery struct {
	Log Log // of the app
	// After and Before are positions that the messages are between. A zero one is none.
	After, Before id.ID
	// Descending reads the newest messages first.
	Descending bool
	// Match, if set, chooses messages, by their author, receiver, room and id. It does not see what they say.
	Match func(AppMessage) bool
	Limit int
	// Keep is how long messages are shown; 0 means for ever.
	Keep time.Duration
}

// AppPage is a part of an app's log. If there is more, it begins behind Next. A page with a Match may be short, or empty,
// and not be the last.
type AppPage struct {
	Messages []AppMessage
	Next     id.ID
	More     bool
}

const (
	// appRead is how many rows of an app's log are read at a time, and maxAppScan how many for one page.
	appRead    = 1000
	maxAppScan = 5000
)

// AppMessages returns messages of an app's log that are shown: without what was deleted or recalled, or is older than
// q.Keep. It reads a bounded number of rows, whatever the log has.
func (s *Service) AppMessages(ctx context.Context, q AppQuery) (page AppPage, err error) {
	if oldest := s.horizon(q.Keep); q.After.Compare(oldest) < 0 {
		q.After = oldest
	}
	if q.Before.IsZero() {
		q.Before = id.Max
	}
	for scanned := 0; scanned < maxAppScan; {
		want := q.Limit + 1 - len(page.Messages) // the last one shows that there are more
		rows, end, err := s.readApp(ctx, q, want)
		if err != nil {
			return AppPage{}, err
		}
		found, n, err := s.resolve(ctx, q, rows, want)
		if err != nil {
			return AppPage{}, err
		}
		page.Messages = append(page.Messages, found...)
		if len(page.Messages) > q.Limit {
			page.Messages = page.Messages[:q.Limit]
			page.Next, page.More = page.Messages[q.Limit-1].ID, true
			return page, nil
		}
		if page.More = !end || n < len(rows); !page.More {
			return page, nil
		}
		scanned += n
		page.Next = rows[n-1].ID
		if q.Descending {
			q.Before = page.Next
		} else {
			q.After = page.Next
		}
	}
	return page, nil
}

// readApp reads the next rows of an app's log, as many as are needed for want messages, and says whether they are the last.
func (s *Service) readApp(ctx context.Context, q AppQuery, want int) (rows []Message, end bool, err error) {
	limit := appRead
	if q.Match == nil {
		limit = min(want, appRead)
	}
	switch {
	case !q.Descending:
		rows, err = s.store.Newer(ctx, q.Log, q.After, false, limit)
	case q.After.IsZero():
		rows, err = s.store.Older(ctx, q.Log, q.Before, limit)
	default:
		rows, err = s.store.Between(ctx, q.Log, q.Before, q.After, limit)
	}
	end = AtEnd(rows, limit)
	if i := slices.IndexFunc(rows, func(m Message) bool { return m.ID.Compare(q.Before) >= 0 }); i >= 0 {
		rows, end = rows[:i], true
	}
	return rows, end, err
}

// resolve returns up to want messages that the first n of some rows lead to. What is deleted is left out.
func (s *Service) resolve(ctx context.Context, q AppQuery, rows []Message, want int) (found []AppMessage, n int, err error) {
	rooms := map[id.ID][]id.ID{}
	for ; n < len(rows) && len(found) < want; n++ {
		a := AppMessage{Message: rows[n]}
		if a.Kind == referenceKind {
			if err := json.Unmarshal(a.Body, &a.In); err != nil {
				return nil, 0, &Error{Kind: Internal, Cause: err}
			}
		}
		if a.Deleted || q.Match != nil && !q.Match(a) {
			continue
		}
		if !a.In.Room.IsZero() {
			rooms[a.In.Room] = append(rooms[a.In.Room], a.ID)
		}
		found = append(found, a)
	}
	said, err := s.saidIn(ctx, q.Log.Tenant, rooms)
	if err != nil {
		return nil, 0, err
	}
	shown := found[:0]
	for _, a := range found {
		if !a.In.Room.IsZero() {
			m, there := said[a.ID]
			if !there {
				continue
			}
			a.Message = m
		}
		shown = append(shown, a)
	}
	return shown, n, nil
}

// saidIn returns the messages with some ids, by room, that are there and not deleted.
func (s *Service) saidIn(ctx context.Context, t Tenant, rooms map[id.ID][]id.ID) (map[id.ID]Message, error) {
	said := map[id.ID]Message{}
	var mu sync.Mutex
	g, gctx := guard.WithContext(ctx)
	g.SetLimit(bulkParallel)
	for room, ids := range rooms {
		g.Go(func() error {
			found, err := s.store.MessagesByID(gctx, Log{Tenant: t, ID: room}, ids)
			mu.Lock()
			defer mu.Unlock()
			for u, m := range found {
				if !m.Deleted {
					said[u] = m
				}
			}
			return err
		})
	}
	return said, g.Wait()
}

// AppMessage returns one message of an app's log; NotFound if there is none, if it was deleted, or is older than keep (0: for
// ever).
func (s *Service) AppMessage(ctx context.Context, l Log, m id.ID, keep time.Duration) (AppMessage, error) {
	missing := ErrNotFound(MessageEntity, m.String())
	if m.Compare(s.horizon(keep)) <= 0 {
		return AppMessage{}, missing
	}
	row, err := s.store.Message(ctx, l, m)
	if err != nil {
		return AppMessage{}, err
	}
	found, _, err := s.resolve(ctx, AppQuery{Log: l}, []Message{row}, 1)
	if err == nil && len(found) == 0 {
		err = missing
	}
	if err != nil {
		return AppMessage{}, err
	}
	return found[0], nil
}

// MessagesIn returns those of some messages that are there and not deleted, by the ids of their logs.
func (s *Service) MessagesIn(ctx context.Context, t Tenant, logs map[id.ID][]id.ID) (map[id.ID]Message, error) {
	for _, ids := range logs {
		slices.SortFunc(ids, id.ID.Compare)
	}
	return s.saidIn(ctx, t, logs)
}

// Imported is a message of the past that an app brings.
type Imported struct {
	NewMessage
	Log Log // of the app
	// Room is the name of the room that it is of; empty for a message to a user.
	Room string
	To   Receiver
	At   time.Time
}

// Import stores a message as if it had been sent at m.At, in whole milliseconds, and returns its id. It is shown in the
// log of the app, and in its room, and is not delivered. Only an app imports.
func (s *Service) Import(ctx context.Context, who Principal, m Imported) (id.ID, error) {
	content, payload, f := composed(m.Content, m.Payload)
	if err := f.err(MessageEntity); err != nil {
		return id.ID{}, err
	}
	if err := fits(content, payload); err != nil {
		return id.ID{}, err
	}
	if !who.App || m.From == nil {
		return id.ID{}, ErrForbidden("only an app imports messages")
	}
	var r Room
	if m.Room == "" {
		payload.To = m.To.Name
	} else if found, err := s.Look(ctx, who, m.Room); err != nil {
		return id.ID{}, err
	} else {
		r = found
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	s.importing.Lock() // so that two imports never take one id
	defer s.importing.Unlock()
	u, err := s.freeAt(ctx, m.Log, m.At)
	if err != nil {
		return id.ID{}, err
	}
	said := Message{ID: u, Author: *m.From, Content: content, Payload: payload}
	if m.Room == "" {
		return u, s.store.Append(ctx, m.Log, said)
	}
	return u, s.append(ctx, r.Log(who.Tenant), m.Log, r, said)
}

// freeAt returns an id of this server that no message of the app has, in the millisecond of a past time.
func (s *Service) freeAt(ctx context.Context, app Log, at time.Time) (id.ID, error) {
	for range maxImportTries {
		u, ok := s.ids.New().At(at.Truncate(time.Millisecond).Add(time.Duration(rand.IntN(1000)) * time.Microsecond))
		if !ok {
			return id.ID{}, ErrUnavailable(errors.New("this server has no number for its ids"))
		}
		if _, err := s.store.Message(ctx, app, u); IsKind(err, NotFound) {
			return u, nil
		} else if err != nil {
			return id.ID{}, err
		}
	}
	return id.ID{}, &Error{Kind: RateLimited, Message: "that millisecond has many messages; give another one"}
}

// maxImportTries is how many of the thousand ids of a millisecond are tried.
const maxImportTries = 20
