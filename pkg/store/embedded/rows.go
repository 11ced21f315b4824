package embedded

import (
	"time"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// The numbers of fields, for writing and reading each kind of row. The value does not repeat the columns of the key.

func encodeMember(m chat.Member) []byte {
	return newRecord().text(1, m.FirstName).text(2, m.LastName).someID(3, m.Since)
}

func decodeMember(login string, b []byte) (chat.Member, error) {
	m := chat.Member{Person: chat.Person{Login: login}}
	err := decode(b, func(f *field) {
		switch f.number {
		case 1:
			m.FirstName = f.text()
		case 2:
			m.LastName = f.text()
		case 3:
			m.Since = f.id()
		}
	})
	return m, err
}

// decodePerson is decodeMember for those who do not mind the order of joining.
func decodePerson(login string, b []byte) (chat.Person, error) {
	m, err := decodeMember(login, b)
	return m.Person, err
}

func encodeUser(u chat.User) []byte {
	return newRecord().text(1, u.FirstName).text(2, u.LastName).optional(3, u.Email).
		optional(4, u.Bio).time(5, u.CreatedAt).text(6, u.PasswordHash).text(7, u.Epoch).optional(8, u.Timezone).flag(9, u.Disabled).flag(10, u.Bot)
}

func decodeUser(login string, b []byte) (chat.User, error) {
	u := chat.User{Person: chat.Person{Login: login}}
	err := decode(b, func(f *field) {
		switch f.number {
		case 1:
			u.FirstName = f.text()
		case 2:
			u.LastName = f.text()
		case 3:
			u.Email = f.optional()
		case 4:
			u.Bio = f.optional()
		case 5:
			u.CreatedAt = f.time()
		case 6:
			u.PasswordHash = f.text()
		case 7:
			u.Epoch = f.text()
		case 8:
			u.Timezone = f.optional()
		case 9:
			u.Disabled = f.flag()
		case 10:
			u.Bot = f.flag()
		}
	})
	return u, err
}

func encodeDeletedUser(u chat.User) []byte { return newRecord().flag(1, u.Erased) }

func decodeDeletedUser(login string, b []byte) (chat.User, error) {
	u := chat.User{Person: chat.Person{Login: login}, Deleted: true}
	err := decode(b, func(f *field) {
		if f.number == 1 {
			u.Erased = f.flag()
		}
	})
	return u, err
}

// encodeRoom needs settings that Document accepts: see chat.RoomSettings.
func encodeRoom(r chat.Room) ([]byte, error) {
	settings, err := r.Settings.Document()
	return newRecord().id(1, r.ID).text(2, r.Creator.Login).text(3, r.Creator.FirstName).
		text(4, r.Creator.LastName).optional(5, r.Banner).time(6, r.CreatedAt).
		number(7, int(max(time.Duration(r.Retention), 0)/time.Second)).flag(8, r.Retention == chat.Forever).text(9, string(settings)), err
}

func decodeRoom(name string, b []byte) (chat.Room, error) {
	r := chat.Room{Name: name}
	err := decode(b, func(f *field) {
		switch f.number {
		case 1:
			r.ID = f.id()
		case 2:
			r.Creator.Login = f.text()
		case 3:
			r.Creator.FirstName = f.text()
		case 4:
			r.Creator.LastName = f.text()
		case 5:
			r.Banner = f.optional()
		case 6:
			r.CreatedAt = f.time()
		case 7:
			seconds := f.number64()
			// A number that is no retention may overflow to one that removes everything.
			f.bad = f.bad || seconds > uint64(chat.MaxRetention/chat.Retention(time.Second))
			r.Retention = chat.Retention(time.Duration(seconds) * time.Second)
		case 8:
			if f.flag() {
				r.Retention = chat.Forever
			}
		case 9:
			settings, err := chat.SettingsOf([]byte(f.text()))
			r.Settings, f.bad = settings, f.bad || err != nil
		}
	})
	return r, err
}

func encodeRoomOf(room id.ID) []byte { return newRecord().id(1, room) }

func encodeCount(n int) []byte { return newRecord().number(1, n) }

func decodeCount(b []byte) (n int, err error) {
	err = decode(b, func(f *field) {
		if f.number == 1 {
			n = int(f.number64())
		}
	})
	return n, err
}

func encodeJoined(name string) []byte { return newRecord().text(1, name) }

// decodeJoined reads the columns after the login, and the value.
func decodeJoined(k, b []byte) (r chat.JoinedRoom, err error) {
	c := columns{rest: k}
	r.Since, r.ID = id.Key(c.id()).ID(), c.id()
	if c.err != nil {
		return r, c.err
	}
	err = decode(b, func(f *field) {
		if f.number == 1 {
			r.Name = f.text()
		}
	})
	return r, err
}

func decodeRoomOf(name string, b []byte) (chat.RoomRef, error) {
	r := chat.RoomRef{Name: name}
	err := decode(b, func(f *field) {
		if f.number == 1 {
			r.ID = f.id()
		}
	})
	return r, err
}

func encodeMessage(m chat.Message) []byte {
	r := make(record, 0, len(m.Content)+m.Payload.Bytes()+len(m.Author.Login)+len(m.Author.FirstName)+len(m.Author.LastName)+64)
	return append(r, valueForm).text(1, m.Author.Login).text(2, m.Author.FirstName).
		text(3, m.Author.LastName).text(4, m.Content).flag(5, m.System).someID(6, m.ReplyTo).text(7, m.Subject).text(8, m.Payload.Encode())
}

func decodeMessage(u id.ID, b []byte) (chat.Message, error) {
	m := chat.Message{ID: u}
	err := decode(b, func(f *field) {
		switch f.number {
		case 1:
			m.Author.Login = f.text()
		case 2:
			m.Author.FirstName = f.text()
		case 3:
			m.Author.LastName = f.text()
		case 4:
			m.Content = f.text()
		case 5:
			m.System = f.flag()
		case 6:
			m.ReplyTo = f.id()
		case 7:
			m.Subject = f.text()
		case 8:
			m.Payload = f.payload()
		}
	})
	return m, err
}

// lease holds the fields that all expiring rows have, under the same numbers.
// Tenant and Login are empty for rows that are not listed for their owner.
type lease struct {
	ExpiresAt time.Time // zero: never
	Tenant    chat.Tenant
	Login     string
}

func (e lease) record() record {
	return newRecord().time(1, e.ExpiresAt).text(2, string(e.Tenant)).text(3, e.Login)
}

func (e *lease) visit(f *field) {
	switch f.number {
	case 1:
		e.ExpiresAt = f.time()
	case 2:
		e.Tenant = chat.Tenant(f.text())
	case 3:
		e.Login = f.text()
	}
}

func (e lease) expired(now time.Time) bool {
	return !e.ExpiresAt.IsZero() && !now.Before(e.ExpiresAt)
}

// decodeLease reads the fields of lease. It passes all other fields to own, unless own is nil.
func decodeLease(b []byte, own func(f *field)) (e lease, err error) {
	err = decode(b, func(f *field) {
		e.visit(f)
		if own != nil {
			own(f)
		}
	})
	return e, err
}

// claim is what an idempotency key stands for. The content is kept as a hash of
// its first form: the message may change later.
type claim struct {
	lease
	message id.ID
	content auth.Hash
}

func encodeClaim(c claim) []byte { return c.record().id(10, c.message).hash(11, c.content) }

func decodeClaim(b []byte) (c claim, err error) {
	c.lease, err = decodeLease(b, func(f *field) {
		switch f.number {
		case 10:
			c.message = f.id()
		case 11:
			c.content = f.hash()
		}
	})
	return c, err
}

func sessionLease(s auth.Session) lease { return lease{s.ExpiresAt, s.Tenant, s.Login} }

func encodeSession(s auth.Session) []byte {
	return sessionLease(s).record().hash(10, s.Series).time(11, s.CreatedAt).text(12, s.Epoch)
}

func decodeSession(h auth.Hash, b []byte) (auth.Session, error) {
	s := auth.Session{Hash: h}
	e, err := decodeLease(b, func(f *field) {
		switch f.number {
		case 10:
			s.Series = f.hash()
		case 11:
			s.CreatedAt = f.time()
		case 12:
			s.Epoch = f.text()
		}
	})
	s.ExpiresAt, s.Tenant, s.Login = e.ExpiresAt, e.Tenant, e.Login
	return s, err
}

func rememberedLease(r auth.Remembered) lease { return lease{r.ExpiresAt, r.Tenant, r.Login} }

func encodeRemembered(r auth.Remembered) []byte {
	return rememberedLease(r).record().hash(10, r.Token).hash(11, r.Previous).time(12, r.RotatedAt).text(13, r.Epoch)
}

func decodeRemembered(series auth.Hash, b []byte) (auth.Remembered, error) {
	r := auth.Remembered{Series: series}
	e, err := decodeLease(b, func(f *field) {
		switch f.number {
		case 10:
			r.Token = f.hash()
		case 11:
			r.Previous = f.hash()
		case 12:
			r.RotatedAt = f.time()
		case 13:
			r.Epoch = f.text()
		}
	})
	r.ExpiresAt, r.Tenant, r.Login = e.ExpiresAt, e.Tenant, e.Login
	return r, err
}

func tokenLease(a auth.APIToken) lease { return lease{a.ExpiresAt, a.Tenant, a.Login} }

func encodeToken(a auth.APIToken) []byte {
	return tokenLease(a).record().text(10, string(a.Kind)).flag(11, a.Bound).text(12, a.Epoch).text(13, a.Name).text(14, a.Scopes).
		time(15, a.CreatedAt).time(16, a.LastUsedAt)
}

func decodeToken(h auth.Hash, b []byte) (auth.APIToken, error) {
	a := auth.APIToken{Hash: h}
	e, err := decodeLease(b, func(f *field) {
		switch f.number {
		case 10:
			a.Kind = auth.TokenKind(f.text())
		case 11:
			a.Bound = f.flag()
		case 12:
			a.Epoch = f.text()
		case 13:
			a.Name = f.text()
		case 14:
			a.Scopes = f.text()
		case 15:
			a.CreatedAt = f.time()
		case 16:
			a.LastUsedAt = f.time()
		}
	})
	a.Tenant, a.Login, a.ExpiresAt = e.Tenant, e.Login, e.ExpiresAt
	return a, err
}

// decodeSweep reads the columns after the table's byte, and the value.
func decodeSweep(k, b []byte) (chat.Sweep, error) {
	c := columns{rest: k}
	s := chat.Sweep{DeletedAt: c.time(), Tenant: chat.Tenant(c.text())}
	s.Room.ID = c.id()
	if c.err != nil {
		return s, c.err
	}
	err := decode(b, func(f *field) {
		if f.number == 1 {
			s.Room.Name = f.text()
		}
	})
	return s, err
}
