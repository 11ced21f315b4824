package upkeep

import (
	"context"
	"time"
)

// EraseOnce continues all erasures now; see eraseOnce.
func (s *Service) EraseOnce(ctx context.Context) time.Duration { return s.eraseOnce(ctx) }

// TrimOnce trims all rooms now; see trimOnce.
func (s *Service) TrimOnce(ctx context.Context) { s.trimOnce(ctx) }

// SweepOnce sweeps all deletions now, as a node that has swept none of them; see sweepOnce.
func (s *Service) SweepOnce(ctx context.Context) { s.sweepOnce(ctx, nil) }
