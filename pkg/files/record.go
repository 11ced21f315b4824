package files

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
)

// File is the record of a file. What it says of the bytes never changes.
type File struct {
	// ID orders the files of a tenant by their creation, and names the bytes. UUID is the name that users see: a random one.
	ID     id.ID       `json:"-"`
	Tenant chat.Tenant `json:"-"`
	UUID   string      `json:"-"`

	By   string       `json:"by,omitzero"`   // the login of who uploaded it; empty: the app
	Room chat.RoomRef `json:"room,omitzero"` // zero: a file of the app
	Name string       `json:"name"`          // as it was given, in one line, without folders
	Type string       `json:"type"`          // what the bytes are
	Size int64        `json:"size"`
	// Digest is the SHA-256 of the upload as it was received. Metadata of pictures may have been removed since.
	Digest []byte `json:"digest,omitzero"`
	// Picture is set for pictures that were sent to a room.
	Picture *Picture `json:"picture,omitzero"`

	// Restricted says that reading it needs the secret, of which Secret is the SHA-256.
	Restricted bool   `json:"restricted,omitzero"`
	Secret     []byte `json:"secret,omitzero"`
	// Box is the size of its thumbnail at most, of a file of an app; zero: the usual.
	Box Box `json:"box,omitzero"`
	// Thumbnail is the size and the type of its thumbnail, if there is one.
	Thumbnail *Bytes `json:"thumbnail,omitzero"`

	// Message names the file; zero: none yet. ClaimKey is the SHA-256 of the Idempotency-Key of that message, if it had one.
	Message  id.ID  `json:"message,omitzero"`
	ClaimKey []byte `json:"claimKey,omitzero"`
	// Gone says that the file is being removed. Nobody reads it any more.
	Gone bool `json:"gone,omitzero"`

	version int64
}

// Picture is what a page needs to know of a picture before it has loaded.
type Picture struct {
	Width, Height int    // upright
	Preview       []byte // a small blurred picture
	PreviewType   string
}

// Box bounds the sides of a thumbnail, in pixels.
type Box struct{ Width, Height int }

// Bytes says what is under a key.
type Bytes struct {
	Type string
	Size int64
}

// CreatedAt is when the upload began.
func (f File) CreatedAt() time.Time { return f.ID.Time() }

// key is where the bytes are, thumbnailKey where those of the thumbnail are.
func (f File) key() string          { return keyOf(f.Tenant, f.ID) }
func (f File) thumbnailKey() string { return thumbnailKeyOf(f.Tenant, f.ID) }

func keyOf(t chat.Tenant, u id.ID) string { return string(t) + "/" + u.String() }

const thumbnailSuffix = "-thumbnail"

func thumbnailKeyOf(t chat.Tenant, u id.ID) string { return keyOf(t, u) + thumbnailSuffix }

// ParseKey returns whose bytes are under a key of the bucket; false if they are no file's.
func ParseKey(key string) (t chat.Tenant, u id.ID, ok bool) {
	of, name, _ := strings.Cut(strings.TrimSuffix(key, thumbnailSuffix), "/")
	u, err := id.Parse(name)
	return chat.Tenant(of), u, err == nil
}

// The spaces of the directory. No tenant has a slash in it.
const (
	// RecordSpaces have the records of a tenant.
	RecordSpaces directory.Kind = "files/"
	// UploadSpaces has an entry for each upload that is not known to be kept: its ID is the file's, its Value an intent.
	UploadSpaces directory.Kind = "uploads"
	// RoomSpaces are for the files of a room: an entry's ID is that of the message, its Name the file's UUID.
	RoomSpaces directory.Kind = "roomfiles/"
	// UsageSpaces has what each tenant uses; the Name is the tenant.
	UsageSpaces directory.Kind = "usage"

	uploadSpace = string(UploadSpaces)
	usageSpace  = string(UsageSpaces)
)

func fileSpace(t chat.Tenant) string { return RecordSpaces.Of(string(t)) }
func roomSpace(room id.ID) string    { return RoomSpaces.Of(room.String()) }

// IsRecord reports whether an entry of the directory is the record of a file.
func IsRecord(e directory.Entry) bool { return directory.KindOf(e.Space) == RecordSpaces }

func (f File) entry() (directory.Entry, error) {
	value, err := json.Marshal(f)
	return directory.Entry{Space: fileSpace(f.Tenant), ID: f.ID, Name: f.UUID, Value: value, Version: f.version}, err
}

// Decode returns the record that an entry is; see IsRecord.
func Decode(e directory.Entry) (File, error) {
	var f File
	err := json.Unmarshal(e.Value, &f)
	f.ID, f.Tenant, f.UUID, f.version = e.ID, chat.Tenant(strings.TrimPrefix(e.Space, string(RecordSpaces))), e.Name, e.Version
	return f, err
}

// Opens reports whether a secret opens the file. Any opens one that is not restricted.
func (f File) Opens(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	return !f.Restricted || subtle.ConstantTimeCompare(sum[:], f.Secret) == 1
}

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return uuidOf(b, 4)
}

// uuidOfKey is the UUID of what a user uploads to a room under an Idempotency-Key: always the same.
func uuidOfKey(who chat.Identity, room id.ID, key string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{"upload", string(who.Tenant), who.Login, room.String(), key}, "\x00")))
	return uuidOf([16]byte(sum[:16]), 8)
}

func uuidOf(b [16]byte, version byte) string {
	b[6], b[8] = b[6]&0x0f|version<<4, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// isUUID reports whether a text may be the UUID of a file.
func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i, c := range []byte(text) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && !strings.ContainsRune("0123456789abcdef", rune(c)) {
			return false
		}
	}
	return true
}
