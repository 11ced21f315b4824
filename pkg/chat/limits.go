package chat

import (
	"fmt"
	"math"
	"time"

	"github.com/confab-chat/confab/pkg/limit"
)

// RetryAfter is the cause of an error that the client can avoid by waiting. It says how long to wait before the next try.
type RetryAfter struct{ time.Duration }

func (r RetryAfter) Error() string { return "retry after " + r.String() }

// ErrRateLimited returns the error for a client that has to wait, with RetryAfter as its cause.
func ErrRateLimited(wait time.Duration) error {
	return &Error{Kind: RateLimited, Cause: RetryAfter{wait},
		Message: fmt.Sprintf("this is too often; try again in %.0f s", math.Ceil(wait.Seconds()))}
}

// may counts what is about to be done. RateLimited if it is too often.
func (s *Service) may(actions ...limit.Action) error {
	if wait := s.limits.Take(actions...); wait > 0 {
		return ErrRateLimited(wait)
	}
	return nil
}

// MaySubscribe counts a subscription of a user. RateLimited if they subscribe too often.
func (s *Service) MaySubscribe(who Identity) error { return s.may(who.does(limit.Subscribes)) }

// does returns an action of a user; to names what it is done to, where that is limited by itself.
func (who Identity) does(k limit.Kind, to ...string) limit.Action {
	return limit.Of(k, append([]string{string(who.Tenant), who.Login}, to...)...)
}
