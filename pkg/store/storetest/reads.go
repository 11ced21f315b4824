package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

var readingTests = map[string]func(*env){
	"positions only move forward": func(e *env) {
		room := e.ids.New()
		e.read(room, "ann", chat.Reading{})
		var ids []id.ID
		for range 20 {
			ids = append(ids, e.ids.New())
		}
		for _, i := range []int{5, 2, 5, 6, 0} {
			require.NoError(e, e.s.SetRead(e.ctx, e.tenant, room, "ann", ids[i]))
			e.read(room, "ann", chat.Reading{Read: ids[max(5, min(i, 6))]})
			if i == 6 {
				break
			}
		}
		race(len(ids), func(i int) {
			if err := e.s.SetRead(e.ctx, e.tenant, room, "ann", ids[(i*7)%len(ids)]); err != nil {
				e.Errorf("%v", err)
			}
		})
		e.read(room, "ann", chat.Reading{Read: ids[19]})
	},
	"positions of one moment are in the order of ids": func(e *env) {
		at := time.Now()
		lows := []uint64{0x8080808080808080, 0xff00000000000000, 0, 1, 0x80, 0x7f, 0x7f7f7f7f7f7f7f7f}
		ids := make([]id.ID, len(lows))
		for i, low := range lows {
			ids[i] = idAt(at, low)
		}
		newest := slices.MaxFunc(ids, id.ID.Compare)
		for shift := range ids {
			room := e.ids.New()
			for i := range ids {
				require.NoError(e, e.s.SetRead(e.ctx, e.tenant, room, "ann", ids[(i+shift)%len(ids)]))
			}
			e.read(room, "ann", chat.Reading{Read: newest})
		}
	},
	"going back": func(e *env) {
		room, other := e.ids.New(), e.ids.New()
		var ids []id.ID
		for range 9 {
			ids = append(ids, e.ids.New())
		}
		back := func(to, from int) chat.Back { return chat.Back{To: ids[to], From: ids[from]} }
		require.NoError(e, e.s.SetRead(e.ctx, e.tenant, room, "ann", ids[7]))
		// The later call decides, whichever way it moves.
		for _, b := range []chat.Back{back(2, 7), back(0, 7), back(5, 7), {}, back(1, 7)} {
			require.NoError(e, e.s.SetBack(e.ctx, e.tenant, room, "ann", b))
			e.read(room, "ann", chat.Reading{Read: ids[7], Back: b})
		}
		require.NoError(e, e.s.SetMuted(e.ctx, e.tenant, room, "ann", true))
		require.NoError(e, e.s.SetRead(e.ctx, e.tenant, room, "ann", ids[8]))
		e.read(room, "ann", chat.Reading{Read: ids[8], Back: back(1, 7), Muted: true})
		e.read(room, "bob", chat.Reading{})
		e.read(other, "ann", chat.Reading{})
		race(racers, func(i int) {
			if err := e.s.SetBack(e.ctx, e.tenant, room, "ann", back(i%9, 8)); err != nil {
				e.Errorf("%v", err)
			}
		})
		require.NoError(e, e.s.SetBack(e.ctx, e.tenant, room, "ann", back(3, 8)))
		e.read(room, "ann", chat.Reading{Read: ids[8], Back: back(3, 8), Muted: true})
		require.NoError(e, e.s.ForgetReading(e.ctx, e.tenant, room, "ann"))
		e.read(room, "ann", chat.Reading{})
	},
	"kept apart": func(e *env) {
		a, b, m := e.ids.New(), e.ids.New(), e.ids.New()
		require.NoError(e, e.s.SetRead(e.ctx, e.tenant, a, "ann", m))
		require.NoError(e, e.s.SetMuted(e.ctx, e.tenant, b, "ann", true))
		require.NoError(e, e.s.SetMuted(e.ctx, e.tenant, a, "bob", true))
		e.read(a, "ann", chat.Reading{Read: m})
		e.read(b, "ann", chat.Reading{Muted: true})
		e.read(a, "bob", chat.Reading{Muted: true})
		e.read(b, "bob", chat.Reading{})
		got, err := e.s.Readings(e.ctx, e.tenant, "ann", []id.ID{a, b, e.ids.New()})
		require.NoError(e, err)
		require.Equal(e, chat.Reading{Read: m}, got[a])
		require.Equal(e, chat.Reading{Muted: true}, got[b])
		got, err = e.s.Readings(e.ctx, newTenant(), "ann", []id.ID{a})
		require.NoError(e, err)
		require.Zero(e, got[a])
		got, err = e.s.Readings(e.ctx, e.tenant, "ann", nil)
		require.NoError(e, err)
		require.Empty(e, got)
	},
	"many rooms": func(e *env) {
		rooms := make([]id.ID, 250)
		for i := range rooms {
			rooms[i] = e.ids.New()
		}
		race(len(rooms), func(i int) {
			if err := e.s.SetRead(e.ctx, e.tenant, rooms[i], "ann", rooms[i]); err != nil {
				e.Errorf("%v", err)
			}
		})
		got, err := e.s.Readings(e.ctx, e.tenant, "ann", rooms)
		require.NoError(e, err)
		for _, r := range rooms {
			require.Equal(e, r, got[r].Read)
		}
	},
	"mute": func(e *env) {
		room, m := e.ids.New(), e.ids.New()
		for _, muted := range []bool{true, true, false, true, false} {
			require.NoError(e, e.s.SetMuted(e.ctx, e.tenant, room, "ann", muted))
			e.read(room, "ann", chat.Reading{Muted: muted})
		}
		require.NoError(e, e.s.SetRead(e.ctx, e.tenant, room, "ann", m))
		require.NoError(e, e.s.SetMuted(e.ctx, e.tenant, room, "ann", true))
		e.read(room, "ann", chat.Reading{Read: m, Muted: true})
	},
	"forgotten": func(e *env) {
		room, other := e.ids.New(), e.ids.New()
		for range 2 {
			m := e.ids.New()
			require.NoError(e, e.s.SetRead(e.ctx, e.tenant, room, "ann", m))
			require.NoError(e, e.s.SetRead(e.ctx, e.tenant, other, "ann", m))
			require.NoError(e, e.s.SetMuted(e.ctx, e.tenant, room, "ann", true))
			require.NoError(e, e.s.ForgetReading(e.ctx, e.tenant, room, "ann"))
			e.read(room, "ann", chat.Reading{})
			e.read(other, "ann", chat.Reading{Read: m})
		}
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user("ann")))
		require.NoError(e, e.s.DeleteUser(e.ctx, e.tenant, "ann"))
		e.read(other, "ann", chat.Reading{})
	},
}

func (e *env) read(room id.ID, login string, want chat.Reading) {
	e.Helper()
	got, err := e.s.Readings(e.ctx, e.tenant, login, []id.ID{room})
	require.NoError(e, err)
	require.Equal(e, want, got[room])
}

var digestTests = map[string]func(*env){
	"newest": func(e *env) {
		var logs []chat.Position
		want := map[id.ID]chat.Message{}
		for i := range 20 {
			l := e.newLog()
			logs = append(logs, chat.Position{Log: l})
			for j := range i % 4 {
				m := e.message(fmt.Sprint(i, j))
				e.append(l, m)
				want[l.ID] = m
			}
		}
		got, err := e.s.Newest(e.ctx, logs)
		require.NoError(e, err)
		require.Equal(e, want, got)
	},
	"count": func(e *env) {
		l := e.newLog()
		ms := make([]chat.Message, 300)
		at := time.Date(2012, 1, 1, 0, 0, 0, 0, time.UTC)
		for i := range ms {
			ms[i] = chat.Message{ID: idAt(at.Add(time.Duration(i)*24*time.Hour), uint64(i)), Author: person("ann"), Content: "x"}
			switch i % 3 {
			case 1:
				ms[i].Author = person("bob")
			case 2:
				ms[i].Author, ms[i].System = chat.System, true
			}
		}
		require.NoError(e, e.s.AppendBatch(e.ctx, l, ms))
		between := func(after, upTo id.ID, but string, bound int) int {
			other := e.newLog()
			got, err := e.s.CountUnread(e.ctx, []chat.Span{
				{Position: chat.Position{Log: other, After: after}, UpTo: upTo},
				{Position: chat.Position{Log: l, After: after}, UpTo: upTo},
			}, but, bound)
			require.NoError(e, err)
			require.Zero(e, got[other.ID])
			return got[l.ID]
		}
		count := func(after id.ID, but string, bound int) int { return between(after, id.Max, but, bound) }
		// What is newer than the end of the span does not count.
		require.Equal(e, 2, between(ms[0].ID, ms[3].ID, "nobody", 1000))
		require.Equal(e, 1, between(ms[0].ID, ms[2].ID, "nobody", 1000))
		require.Equal(e, 134, between(id.ID{}, ms[200].ID, "nobody", 1000))
		require.Equal(e, 50, count(id.ID{}, "ann", 50))
		require.Equal(e, 100, count(id.ID{}, "bob", 1000))
		require.Equal(e, 100, count(ms[0].ID, "ann", 1000))
		require.Equal(e, 199, count(ms[0].ID, "nobody", 1000))
		require.Equal(e, 3, count(ms[290].ID, "bob", 1000))
		require.Equal(e, 0, count(ms[299].ID, "bob", 1000))
		require.Equal(e, 0, count(id.Max, "bob", 1000))
		e.change(l, ms[297].ID, chat.Change{Kind: chat.Delete})
		require.Equal(e, 2, count(ms[290].ID, "bob", 1000))
		got, err := e.s.CountUnread(e.ctx, nil, "ann", 1)
		require.NoError(e, err)
		require.Empty(e, got)
	},
}

var avatarTests = map[string]func(*env){
	"kept, replaced, deleted": func(e *env) {
		_, err := e.s.Avatar(e.ctx, e.tenant, "ann")
		e.isAbout(err, chat.NotFound, chat.AvatarEntity)
		for _, a := range []chat.Avatar{{Type: "image/png", Data: []byte{0, 1, 0xff}},
			{Type: "image/jpeg", Data: []byte(strings.Repeat("\x00\xfe", 100<<10))}} {
			require.NoError(e, e.s.SetAvatar(e.ctx, e.tenant, "ann", a))
			got, err := e.s.Avatar(e.ctx, e.tenant, "ann")
			require.NoError(e, err)
			require.Equal(e, a, got)
			_, err = e.s.Avatar(e.ctx, newTenant(), "ann")
			e.isAbout(err, chat.NotFound, chat.AvatarEntity)
		}
		for range 2 {
			require.NoError(e, e.s.DeleteAvatar(e.ctx, e.tenant, "ann"))
			_, err = e.s.Avatar(e.ctx, e.tenant, "ann")
			e.isAbout(err, chat.NotFound, chat.AvatarEntity)
		}
	},
	"another tag for another picture": func(e *env) {
		tags := func() map[string]string {
			got, err := e.s.AvatarTags(e.ctx, e.tenant, []string{"ann", "bob", "nobody", "ann"})
			require.NoError(e, err)
			return got
		}
		require.Empty(e, tags())
		require.NoError(e, e.s.SetAvatar(e.ctx, e.tenant, "ann", chat.Avatar{Type: "image/png", Data: []byte("x")}))
		first := tags()
		require.Len(e, first, 1)
		require.NotEmpty(e, first["ann"])
		require.Equal(e, first, tags())
		require.NoError(e, e.s.SetAvatar(e.ctx, e.tenant, "ann", chat.Avatar{Type: "image/png", Data: []byte("y")}))
		require.NotEqual(e, first["ann"], tags()["ann"])
		other, err := e.s.AvatarTags(e.ctx, newTenant(), []string{"ann"})
		require.NoError(e, err)
		require.Empty(e, other)
		require.NoError(e, e.s.DeleteAvatar(e.ctx, e.tenant, "ann"))
		require.Empty(e, tags())
	},
	"deleted with the user": func(e *env) {
		require.NoError(e, e.s.CreateUser(e.ctx, e.tenant, user("ann")))
		require.NoError(e, e.s.SetAvatar(e.ctx, e.tenant, "ann", chat.Avatar{Type: "image/png", Data: []byte("x")}))
		require.NoError(e, e.s.DeleteUser(e.ctx, e.tenant, "ann"))
		_, err := e.s.Avatar(e.ctx, e.tenant, "ann")
		e.isAbout(err, chat.NotFound, chat.AvatarEntity)
	},
	"set at once": func(e *env) {
		var mu sync.Mutex
		set := map[string]bool{}
		race(racers, func(i int) {
			a := chat.Avatar{Type: fmt.Sprint(i), Data: []byte(fmt.Sprint(i))}
			if err := e.s.SetAvatar(e.ctx, e.tenant, "ann", a); err != nil {
				e.Errorf("%v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			set[a.Type] = true
		})
		got, err := e.s.Avatar(e.ctx, e.tenant, "ann")
		require.NoError(e, err)
		require.True(e, set[got.Type])
		require.Equal(e, got.Type, string(got.Data))
	},
}
