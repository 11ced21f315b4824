package move

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// erased holds the full names that a file has of users who were erased here. They are replaced in system messages that
// have no subject.
type erased struct {
	mu    sync.Mutex
	names map[chat.Tenant][]string
}

func (x *erased) add(t chat.Tenant, p chat.Person) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.names == nil {
		x.names = map[chat.Tenant][]string{}
	}
	if name := p.FullName(); name != " " && !slices.Contains(x.names[t], name) {
		x.names[t] = append(x.names[t], name)
	}
}

func (x *erased) of(t chat.Tenant) []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.names[t])
}

// withoutErased returns messages without the users who were erased here, and those that were theirs. Entries of the log of
// changes keep their texts, which contain no names.
func (im *importer) withoutErased(ctx context.Context, t chat.Tenant, ms []chat.Message, entries bool) (out []chat.Message, theirs map[id.ID]bool, err error) {
	gone, err := im.erasedOf(ctx, t, ms)
	if err != nil {
		return nil, nil, err
	}
	out, theirs = slices.Clone(ms), map[id.ID]bool{}
	for i := range out {
		m := &out[i]
		switch {
		case !gone[m.Author.Login]:
			m.Reactions = withoutReactions(m.Reactions, gone)
		case entries:
			m.Author = chat.Erased
		default:
			im.erased.add(t, m.Author)
			*m = chat.Message{ID: m.ID, Author: chat.Erased, Deleted: true, ReplyTo: m.ReplyTo}
			theirs[m.ID] = true
		}
	}
	names := im.erased.of(t)
	for i := range out {
		if m := &out[i]; m.System && !entries {
			*m, _ = m.WithoutUser(func(login string) bool { return gone[login] }, names)
		}
	}
	return out, theirs, nil
}

func withoutReactions(rs []chat.Reaction, gone map[string]bool) []chat.Reaction {
	if len(gone) == 0 {
		return rs
	}
	var kept []chat.Reaction
	for _, r := range rs {
		r.Logins = slices.DeleteFunc(slices.Clone(r.Logins), func(login string) bool { return gone[login] })
		if len(r.Logins) > 0 {
			kept = append(kept, r)
		}
	}
	return kept
}

// erasedOf returns which of the users that messages name were erased here. It is read anew for each batch: somebody may
// be erased during an import.
func (im *importer) erasedOf(ctx context.Context, t chat.Tenant, ms []chat.Message) (map[string]bool, error) {
	named := map[string]bool{}
	for _, m := range ms {
		named[m.Author.Login] = true
		for _, login := range m.About() {
			named[login] = true
		}
		for _, r := range m.Reactions {
			for _, login := range r.Logins {
				named[login] = true
			}
		}
	}
	gone := map[string]bool{}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for login := range named {
		g.Go(func() error {
			u, err := im.account(gctx, t, login)
			if u.Erased {
				mu.Lock()
				defer mu.Unlock()
				gone[login] = true
			}
			return err
		})
	}
	return gone, g.Wait()
}
