package move

import (
	"context"

	"github.com/confab-chat/confab/pkg/account"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/inbox"
)

// appLogs writes what apps have sent to users one by one.
func (x *exporter) appLogs(ctx context.Context) error {
	for _, l := range x.apps {
		if err := x.write(line{Log: &l}); err != nil {
			return err
		}
		log := chat.Log{Tenant: l.Tenant, ID: l.ID}
		if err := x.eachOf(ctx, log, func(m chat.Message) error { return x.write(line{Message: messageOf(m)}) }); err != nil {
			return err
		}
	}
	return nil
}

// mailboxes writes what waits for accounts of apps that exist. That a message has come and does not wait any more is left
// out, and so are those of the default app, whose log stays: each server has a default app of its own.
func (x *exporter) mailboxes(ctx context.Context) error {
	boxes := inbox.New(inbox.Options{Store: x.from})
	return x.from.EachInbox(ctx, func(who chat.Identity) error {
		if who.Tenant == chat.DefaultTenant {
			return nil
		}
		if there, err := x.exists(ctx, who); err != nil || !there {
			return err
		}
		for from, more := int64(0), true; more; {
			var refs []inbox.Ref
			var err error
			if refs, from, more, err = boxes.Waiting(ctx, who, from, pageRows); err != nil {
				return err
			}
			if len(refs) == 0 {
				continue
			}
			w := &waiting{Tenant: who.Tenant, Login: who.Login}
			for _, r := range refs {
				w.Refs = append(w.Refs, waitingRef{r.Log, r.Message, r.Reason})
			}
			if err := x.write(line{Waiting: w}); err != nil {
				return err
			}
		}
		return nil
	})
}

// enterLog makes the following messages those of an app's log.
func (im *importer) enterLog(l *appLog) {
	im.room = &roomImport{Room: chat.Room{ID: l.ID}, tenant: l.Tenant, app: true}
}

// waiting puts into a mailbox what waited in it, for an account that exists here.
func (im *importer) waiting(ctx context.Context, w *waiting) error {
	who := chat.Identity{Tenant: w.Tenant, Login: w.Login}
	is, err := account.Exists(ctx, im.to, who)
	if err != nil {
		return err
	}
	if !is {
		im.done.count(&im.done.Waiting, ofDeleted, int64(len(w.Refs)))
		return nil
	}
	boxes := inbox.New(inbox.Options{Store: im.to})
	before, err := boxes.Tail(ctx, who)
	if err != nil {
		return err
	}
	if err := boxes.Append(ctx, who, w.inbox()...); err != nil {
		return err
	}
	after, err := boxes.Tail(ctx, who)
	came := after - before
	im.done.count(&im.done.Waiting, added, came)
	im.done.count(&im.done.Waiting, there, int64(len(w.Refs))-came)
	return err
}
