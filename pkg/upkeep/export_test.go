package upkeep

import (
	"context"
	"time"
)

// EraseOnce goes on with all erasures now; see eraseOnce.
func (s *Service) EraseOnce(ctx context.Context) time.Duration { return s.eraseOnce(ctx) }

// TrimOnce goes through all rooms now; see trimOnce.
func (s *Service) TrimOnce(ctx context.Context) { s.trimOnce(ctx) }
