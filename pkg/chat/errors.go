package chat

import (
	"errors"
	"fmt"
)

// Kind is the kind of an error. Each API dialect translates a kind into its own words and status, in one place.
type Kind int

const (
	// Internal is a fault of the server. An error that is no *Error counts as Internal.
	Internal Kind = iota
	// Invalid is input that breaks a rule. Error.Faults lists the broken rules of an entity's members.
	Invalid
	// NotFound is an unknown user, room, message or other thing.
	NotFound
	// Gone is a thing that existed and is permanently deleted.
	Gone
	// Conflict is a name in use, or an Idempotency-Key with another body.
	Conflict
	// Stale is a change that depends on a state which is no longer there.
	Stale
	// Forbidden is an authenticated user who may not do this.
	Forbidden
	// Unauthenticated is a client that has to log in first.
	Unauthenticated
	// TooLarge is input over a size limit.
	TooLarge
	// RateLimited is a client that has to wait.
	RateLimited
	// Unavailable is a store that cannot answer now; a retry may succeed.
	Unavailable
	// Full is a room that has as many members as it may have.
	Full
)

func (k Kind) String() string {
	names := [...]string{"internal", "invalid", "not found", "gone", "conflict", "stale", "forbidden",
		"unauthenticated", "too large", "rate limited", "unavailable", "full"}
	if k < 0 || int(k) >= len(names) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return names[k]
}

// Entity names what an Error is about.
type Entity string

// The entities that errors are about.
const (
	UserEntity    Entity = "user"
	RoomEntity    Entity = "room"
	MessageEntity Entity = "message"
	KeyEntity     Entity = "idempotency key"
	AvatarEntity  Entity = "avatar"
	ExportEntity  Entity = "export"
	FileEntity    Entity = "file"
)

// Fault is one broken rule of one member of an entity.
type Fault struct {
	Field   string // as the API spells it: "firstname"
	Message string // the rule: "may not be empty"
	// Rejected is the value as it was sent; nil for null, absent and secret values.
	Rejected *string
}

// Error is the error type of the domain. Message is for the user and holds no internals and no secrets. Cause is for
// the log.
type Error struct {
	Kind    Kind
	Entity  Entity // what it is about, if it is about one thing
	Name    string // which one
	Message string
	Faults  []Fault
	Cause   error
}

func (e *Error) Error() string {
	s := e.Kind.String()
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Cause }

// KindOf returns the kind of err: that of the *Error in its chain, otherwise Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// IsKind reports whether err is of kind k.
func IsKind(err error, k Kind) bool { return err != nil && KindOf(err) == k }

// ErrNotFound returns the error for an unknown entity.
func ErrNotFound(what Entity, name string) error {
	return &Error{Kind: NotFound, Entity: what, Name: name, Message: fmt.Sprintf("there is no %s '%s'", what, name)}
}

// ErrExists returns the error for a name that is taken.
func ErrExists(what Entity, name string) error {
	return &Error{Kind: Conflict, Entity: what, Name: name, Message: fmt.Sprintf("the %s '%s' already exists", what, name)}
}

// ErrStale returns the error for a change of something that is no longer what the change was made for.
func ErrStale(what Entity, name string) error {
	return &Error{Kind: Stale, Entity: what, Name: name, Message: fmt.Sprintf("the %s '%s' has changed meanwhile; read it again", what, name)}
}

// ErrFull returns the error for a room that can take nobody else.
func ErrFull(room string) error {
	return &Error{Kind: Full, Entity: RoomEntity, Name: room, Message: "the room is full"}
}

// ErrForbidden returns the error for something this user may not do.
func ErrForbidden(format string, args ...any) error {
	return &Error{Kind: Forbidden, Message: fmt.Sprintf(format, args...)}
}

// ErrInvalid returns the error for a value that breaks a rule and is no member of an entity.
func ErrInvalid(format string, args ...any) error {
	return &Error{Kind: Invalid, Message: fmt.Sprintf(format, args...)}
}

// ErrUnavailable returns the error for a store that cannot answer now, with the cause.
func ErrUnavailable(cause error) error {
	return &Error{Kind: Unavailable, Message: "the server cannot reach its data now; try again", Cause: cause}
}

// Reported reports whether the log has the cause of an error already, as the cause's method Reported says. Such an
// error is not logged again with each request while the fault lasts.
func Reported(err error) bool {
	var cause interface{ Reported() bool }
	return errors.As(err, &cause) && cause.Reported()
}
