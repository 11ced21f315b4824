package storetest

import (
	"bytes"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

func (e *env) newExport(room chat.RoomRef, login string) chat.Export {
	e.Helper()
	at := time.Date(2016, 2, 29, 23, 59, 59, 999e6, time.UTC)
	x := chat.Export{ID: e.ids.New(), Tenant: e.tenant, Login: login, Room: room, RequestedAt: at, GoneAt: far}
	require.NoError(e, e.s.AddExport(e.ctx, x))
	return x
}

func (e *env) exportsOf(room id.ID, login string, limit int) []id.ID {
	e.Helper()
	all, err := e.s.ExportsOf(e.ctx, e.tenant, room, login, limit)
	require.NoError(e, err)
	return all
}

var exportTests = map[string]func(*env){
	"kept until they are deleted": func(e *env) {
		room := chat.RoomRef{ID: e.ids.New(), Name: "games"}
		x, other := e.newExport(room, "ann"), e.newExport(room, "ann")
		bobs := e.newExport(room, "bob")
		e.newExport(chat.RoomRef{ID: e.ids.New(), Name: "other"}, "ann")
		require.ElementsMatch(e, []id.ID{x.ID, other.ID}, e.exportsOf(room.ID, "ann", 10))
		require.ElementsMatch(e, []id.ID{x.ID, other.ID, bobs.ID}, e.exportsOf(room.ID, "", 10))
		require.Len(e, e.exportsOf(room.ID, "", 2), 2)
		require.Empty(e, e.exportsOf(room.ID, "an", 2))

		const parts = 70
		part := func(n int) []byte { return bytes.Repeat([]byte(fmt.Sprintln("part", n, "\x00\xff")), 100) }
		for n := range parts {
			require.NoError(e, e.s.PutExportPart(e.ctx, x, n, []byte("replaced")))
			require.NoError(e, e.s.PutExportPart(e.ctx, x, n, part(n)))
		}
		require.NoError(e, e.s.PutExportPart(e.ctx, other, 0, part(1000)))
		x.FinishedAt, x.Parts = x.RequestedAt.Add(time.Hour), parts
		other.FinishedAt, other.Failed = x.FinishedAt, true
		for _, want := range []chat.Export{x, other} {
			require.NoError(e, e.s.FinishExport(e.ctx, want))
			got, err := e.s.Export(e.ctx, e.tenant, want.ID)
			require.NoError(e, err)
			require.Equal(e, want, got)
		}
		for n := range parts {
			got, err := e.s.ExportPart(e.ctx, x, n)
			require.NoError(e, err)
			require.Equal(e, part(n), got)
		}
		_, err := e.s.ExportPart(e.ctx, x, parts)
		e.isAbout(err, chat.NotFound, chat.ExportEntity)

		for range 2 {
			require.NoError(e, e.s.DeleteExport(e.ctx, x))
		}
		require.NoError(e, e.s.FinishExport(e.ctx, x), "a job that ends late")
		_, err = e.s.Export(e.ctx, e.tenant, x.ID)
		e.isAbout(err, chat.NotFound, chat.ExportEntity)
		for n := range parts {
			_, err := e.s.ExportPart(e.ctx, x, n)
			e.isAbout(err, chat.NotFound, chat.ExportEntity)
		}
		require.Equal(e, []id.ID{other.ID}, e.exportsOf(room.ID, "ann", 10))
		got, err := e.s.ExportPart(e.ctx, other, 0)
		require.NoError(e, err)
		require.Equal(e, part(1000), got)
	},
	"of one tenant": func(e *env) {
		x := e.newExport(chat.RoomRef{ID: e.ids.New(), Name: "games"}, "ann")
		elsewhere := newTenant()
		_, err := e.s.Export(e.ctx, elsewhere, x.ID)
		e.isAbout(err, chat.NotFound, chat.ExportEntity)
		all, err := e.s.ExportsOf(e.ctx, elsewhere, x.Room.ID, "", 10)
		require.NoError(e, err)
		require.Empty(e, all)
	},
}
