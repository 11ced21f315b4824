package chat

import (
	"context"
	"time"
)

// EraseOnce goes on with all erasures now; see eraseOnce.
func (s *Service) EraseOnce(ctx context.Context) time.Duration { return s.eraseOnce(ctx) }
