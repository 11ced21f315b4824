package irclog

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// participants makes the room's imported participants those who are present; see Import.
func (im *importer) participants(ctx context.Context, last id.ID, present map[string]bool) error {
	t, room := im.o.Tenant, im.room
	newer, err := im.store.Newer(ctx, room.Log(t), last, false, 1)
	if err != nil {
		return err
	}
	if len(newer) > 0 {
		im.report.MembersKept = "the room has newer messages"
		return nil
	}
	join := map[string]chat.Person{}
	for nick := range present {
		if p := im.people.byNick[nick]; p != chat.Erased {
			join[p.Login] = p
		}
	}
	var leave []string
	const page = 500
	for after := ""; ; {
		ps, err := im.store.Participants(ctx, t, room.ID, after, page)
		if err != nil {
			return err
		}
		for _, p := range ps {
			if _, ok := join[p.Login]; ok {
				delete(join, p.Login)
			} else if p.LastName == lastName {
				leave = append(leave, p.Login)
			}
			after = p.Login
		}
		if len(ps) < page {
			break
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, p := range join {
		g.Go(func() error {
			_, err := im.store.Join(gctx, t, room, p, im.o.IDs.New())
			return err
		})
	}
	for _, login := range leave {
		g.Go(func() error {
			_, err := im.store.Leave(gctx, t, room, login)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	im.report.JoinedRoom += len(join)
	im.report.LeftRoom += len(leave)
	return nil
}
