package chat

import (
	"context"
	"time"

	"github.com/confab-chat/confab/pkg/id"
)

// EndRenamesOnce ends renames now; see endRenamesOnce.
func (s *Service) EndRenamesOnce(ctx context.Context, seen map[id.ID]time.Time) map[id.ID]time.Time {
	return s.endRenamesOnce(ctx, seen)
}
