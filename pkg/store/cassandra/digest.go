package cassandra

import (
	"context"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// countMessages reads the columns that counting needs, without the texts.
const countMessages = `SELECT message_id, author_login, system, deleted
FROM messages WHERE tenant = ? AND log_id = ? AND bucket = ? AND message_id > ? ORDER BY message_id ASC LIMIT ?`

// Newest implements chat.DigestStore.
func (s *Store) Newest(ctx context.Context, from []chat.Position) (map[id.ID]chat.Message, error) {
	pages := make([][]chat.Message, len(from))
	err := forEach(ctx, len(from), func(ctx context.Context, i int) (err error) {
		pages[i], err = s.Between(ctx, from[i].Log, id.Max, from[i].After, 1)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make(map[id.ID]chat.Message, len(from))
	for i, p := range pages {
		if len(p) > 0 {
			out[from[i].Log.ID] = p[0]
		}
	}
	return out, nil
}

// CountUnread implements chat.DigestStore.
func (s *Store) CountUnread(ctx context.Context, spans []chat.Span, but string, bound int) (map[id.ID]int, error) {
	counts := make([]int, len(spans))
	err := forEach(ctx, len(spans), func(ctx context.Context, i int) (err error) {
		counts[i], err = spans[i].CountUnread(but, bound, func(at id.ID) ([]chat.Message, error) {
			return s.newer(ctx, spans[i].Log, at, countMessages, chat.CountPage)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make(map[id.ID]int, len(spans))
	for i, p := range spans {
		out[p.Log.ID] = counts[i]
	}
	return out, nil
}
