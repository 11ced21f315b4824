package upkeep

import "context"

// TrimOnce trims all rooms now; see trimOnce.
func (s *Service) TrimOnce(ctx context.Context) { s.trimOnce(ctx) }
