package upkeep

import (
	"context"
	"time"
)

// EraseOnce goes on with all erasures now; see eraseOnce.
func (s *Service) EraseOnce(ctx context.Context) time.Duration { return s.eraseOnce(ctx) }

// TrimOnce goes through all rooms now; see trimOnce.
func (s *Service) TrimOnce(ctx context.Context) { s.trimOnce(ctx) }

// SweepOnce goes through all deletions now, as a node that has swept none of them; see sweepOnce.
func (s *Service) SweepOnce(ctx context.Context) { s.sweepOnce(ctx, nil) }
