package tenant

import (
	"math"
	"regexp"
	"slices"
	"time"

	"github.com/confab-chat/confab/pkg/chat"
)

// Settings are what an app is set to. A nil member has its default. All of them hold for the next request.
type Settings struct {
	// Registration is "authorized" (accounts are made with a token of the app) or "open" (anybody may register).
	Registration *string `json:"registration,omitzero"`
	// TokenTTL is how many seconds a token is good for, if it was not asked for another time.
	TokenTTL *int64 `json:"token_ttl,omitzero"`
	// RecallWindow is how many seconds after sending a message may be recalled.
	RecallWindow *int64 `json:"recall_window,omitzero"`
	// HistoryDays is how long messages are shown.
	HistoryDays *int64 `json:"history_days,omitzero"`
	// ContactCheck says that users send only to their contacts.
	ContactCheck *bool `json:"contact_check,omitzero"`
	// RateLimit is how many calls a second each endpoint takes; 0 for any number. Nil: each endpoint has its own limit.
	RateLimit       *int64    `json:"rate_limit,omitzero"`
	MaxMessageBytes *int64    `json:"max_message_bytes,omitzero"`
	MaxFileBytes    *int64    `json:"max_file_bytes,omitzero"`
	Timezone        *string   `json:"timezone,omitzero"`
	AllowedOrigins  *[]string `json:"allowed_origins,omitzero"`
	Quotas
}

// Quotas are settings that only the administrator of the server changes. Nil or 0 is no limit, unless said.
type Quotas struct {
	MaxUsers        *int64 `json:"max_users,omitzero"`
	MaxGroups       *int64 `json:"max_groups,omitzero"`
	MaxRooms        *int64 `json:"max_rooms,omitzero"`
	MaxJoinedGroups *int64 `json:"max_joined_groups,omitzero"`
	MaxMembers      *int64 `json:"max_members,omitzero"` // 10,000 if nil
	MessageRate     *int64 `json:"message_rate,omitzero"`
	MaxStorageBytes *int64 `json:"max_storage_bytes,omitzero"`
}

// IsZero reports whether no quota is set.
func (q Quotas) IsZero() bool { return q == Quotas{} }

func or[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}

// forever is how long a token is good for that never ends, as it is reported.
const forever = math.MaxInt32

// Complete returns the settings with every default that there is.
func (s Settings) Complete() Settings {
	def := func(p **int64, n int64) {
		if *p == nil {
			*p = &n
		}
	}
	def(&s.TokenTTL, 5_184_000)
	def(&s.RecallWindow, 120)
	def(&s.HistoryDays, 180)
	def(&s.MaxMessageBytes, 5120)
	def(&s.MaxFileBytes, 10_485_760)
	def(&s.MaxMembers, 10_000)
	reg, zone, check, origins := or(s.Registration, "authorized"), or(s.Timezone, "+00:00"), or(s.ContactCheck, false), or(s.AllowedOrigins, []string{})
	s.Registration, s.Timezone, s.ContactCheck, s.AllowedOrigins = &reg, &zone, &check, &origins
	return s
}

// Open reports whether anybody may register.
func (s Settings) Open() bool { return or(s.Registration, "") == "open" }

// TTL is how long a token is good for that was asked for with so many seconds (nil: not said), and what is reported. The
// zero time.Duration is for ever.
func (s Settings) TTL(asked *int64) (ttl time.Duration, reported int64) {
	seconds := or(asked, or(s.TokenTTL, 5_184_000))
	if seconds <= 0 || seconds >= forever {
		return 0, forever
	}
	return time.Duration(seconds) * time.Second, seconds
}

var offset = regexp.MustCompile(`^[+-](0\d|1[0-4]):[0-5]\d$`)

// Check returns Invalid for the first value that is not allowed.
func (s Settings) Check(normalOrigin func(string) (string, error)) error {
	for _, n := range []struct {
		name        string
		value       *int64
		least, most int64
	}{
		{"token_ttl", s.TokenTTL, 0, forever}, {"recall_window", s.RecallWindow, 1, 604_800}, {"history_days", s.HistoryDays, 1, 36_500},
		{"rate_limit", s.RateLimit, 0, 1_000_000}, {"max_message_bytes", s.MaxMessageBytes, 1, 65_536}, {"max_file_bytes", s.MaxFileBytes, 1, 1 << 32},
		{"max_users", s.MaxUsers, 0, math.MaxInt64}, {"max_groups", s.MaxGroups, 0, math.MaxInt64}, {"max_rooms", s.MaxRooms, 0, math.MaxInt64},
		{"max_joined_groups", s.MaxJoinedGroups, 0, math.MaxInt64}, {"max_members", s.MaxMembers, 0, math.MaxInt64},
		{"message_rate", s.MessageRate, 0, math.MaxInt64}, {"max_storage_bytes", s.MaxStorageBytes, 0, math.MaxInt64},
	} {
		if n.value != nil && (*n.value < n.least || *n.value > n.most) {
			return chat.ErrInvalid("%s has to be a number from %d to %d", n.name, n.least, n.most)
		}
	}
	if r := or(s.Registration, "open"); r != "open" && r != "authorized" {
		return chat.ErrInvalid(`registration has to be "authorized" or "open"`)
	}
	if z := or(s.Timezone, "+00:00"); !offset.MatchString(z) {
		return chat.ErrInvalid(`timezone has to be an offset from UTC such as "+08:00"`)
	}
	origins := or(s.AllowedOrigins, nil)
	for i, o := range origins {
		if o == "*" && len(origins) == 1 {
			continue
		}
		normal, err := normalOrigin(o)
		if err != nil {
			return chat.ErrInvalid("allowed_origins has to be a list of origins such as https://example.org, or %q alone", "*")
		}
		origins[i] = normal
	}
	return nil
}

// Allows reports whether pages of an origin may read the app's answers.
func (s Settings) Allows(origin string) bool {
	all := or(s.AllowedOrigins, nil)
	return slices.Contains(all, origin) || slices.Contains(all, "*")
}

// over returns the settings after a change that names some of them.
func (s Settings) over(now Settings) Settings {
	set := func(p **int64, n *int64) {
		if *p == nil {
			*p = n
		}
	}
	set(&s.TokenTTL, now.TokenTTL)
	set(&s.RecallWindow, now.RecallWindow)
	set(&s.HistoryDays, now.HistoryDays)
	set(&s.RateLimit, now.RateLimit)
	set(&s.MaxMessageBytes, now.MaxMessageBytes)
	set(&s.MaxFileBytes, now.MaxFileBytes)
	set(&s.MaxUsers, now.MaxUsers)
	set(&s.MaxGroups, now.MaxGroups)
	set(&s.MaxRooms, now.MaxRooms)
	set(&s.MaxJoinedGroups, now.MaxJoinedGroups)
	set(&s.MaxMembers, now.MaxMembers)
	set(&s.MessageRate, now.MessageRate)
	set(&s.MaxStorageBytes, now.MaxStorageBytes)
	if s.Registration == nil {
		s.Registration = now.Registration
	}
	if s.Timezone == nil {
		s.Timezone = now.Timezone
	}
	if s.ContactCheck == nil {
		s.ContactCheck = now.ContactCheck
	}
	if s.AllowedOrigins == nil {
		s.AllowedOrigins = now.AllowedOrigins
	}
	return s
}

// Zone is the offset from UTC by which the app names hours.
func (s Settings) Zone() *time.Location {
	z := or(s.Timezone, "+00:00")
	at, err := time.Parse("-07:00", z)
	if err != nil {
		return time.UTC
	}
	_, seconds := at.Zone()
	return time.FixedZone(z, seconds)
}

// Keep is how long messages are shown.
func (s Settings) Keep() time.Duration {
	return time.Duration(*s.Complete().HistoryDays) * 24 * time.Hour
}
