package files

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/picture"
)

// maxName is how many characters of a file's name are kept.
const maxName = 255

// Upload is a file to keep.
type Upload struct {
	// Body is the file, read once to its end. An error of it ends the upload. Bytes is its size, if that is known; negative
	// if it is not.
	Body  io.Reader
	Bytes int64
	Name  string // as the client says; it may be empty or anything
}

// AppUpload is a file of an app.
type AppUpload struct {
	Upload
	Tenant     chat.Tenant
	By         string // the login of a user of the app; empty: the app itself
	Restricted bool
	// Box, if set, returns the size of the thumbnail. It is called when the body is read.
	Box      func() (Box, error)
	MaxBytes int64
	// Quota is how much all files of the tenant may take; 0 is any amount.
	Quota int64
}

// AddToApp stores a file of an app, byte for byte. It returns the secret that opens the file, which is nowhere else. When it
// returns, the file is durable. TooLarge for one that is more than MaxBytes, RateLimited with ErrQuota for one that is more
// than the tenant has left; after an error nothing is left of it.
func (s *Service) AddToApp(ctx context.Context, u AppUpload) (f File, secret string, err error) {
	secret = rand.Text()
	sum := sha256.Sum256([]byte(secret))
	f = File{ID: s.IDs.New(), Tenant: u.Tenant, UUID: newUUID(), By: u.By, Name: cleanName(u.Name), Restricted: u.Restricted, Secret: sum[:]}
	// The entry of the upload goes before the answer: what still has one a day later was refused.
	err = s.add(ctx, &f, u.Upload, adding{most: u.MaxBytes, quota: u.Quota, finish: func(ctx context.Context) error { return s.forgetUpload(ctx, f) },
		put: func(ctx context.Context, f *File, in *intake) (err error) {
			if err = s.put(ctx, f, in); err == nil && u.Box != nil {
				f.Box, err = u.Box()
			}
			return err
		}})
	return f, secret, err
}

// Admission lets somebody upload a file to a room; see Admit.
type Admission struct {
	who  chat.Identity
	room chat.RoomRef
	key  *string
}

// Admit lets who send a file to a room; who may, chat.Service.MayAttach says. key is the Idempotency-Key, if there is one.
func (s *Service) Admit(ctx context.Context, who chat.Identity, room string, key *string) (Admission, error) {
	r, err := s.Domain.MayAttach(ctx, who, room, key)
	return Admission{who, r.Ref(), key}, err
}

// AddToRoom stores a file that somebody wants to send to a room, for a message to name. If they have used the
// Idempotency-Key for an upload to the room, it returns the file that was stored then, and true; Conflict if that is another
// one. Pictures lose their metadata.
func (s *Service) AddToRoom(ctx context.Context, to Admission, u Upload) (f File, repeated bool, err error) {
	f = File{ID: s.IDs.New(), Tenant: to.who.Tenant, UUID: newUUID(), By: to.who.Login, Room: to.room, Name: cleanName(u.Name)}
	if to.key != nil {
		f.UUID = uuidOfKey(to.who, to.room.ID, *to.key)
		if first, err := s.byUUID(ctx, f.Tenant, f.UUID); !chat.IsKind(err, chat.NotFound) {
			if err != nil {
				return f, false, err
			}
			return s.repeat(first, u.Body)
		}
	}
	err = s.add(ctx, &f, u, adding{most: s.MaxBytes, put: s.putForRoom})
	if to.key != nil && chat.IsKind(err, chat.Conflict) { // another request with the key was faster
		if first, readErr := s.byUUID(ctx, f.Tenant, f.UUID); readErr == nil {
			return same(first, f.Digest)
		}
	}
	return f, false, err
}

// repeat reads an upload that has the key of an earlier one.
func (s *Service) repeat(first File, body io.Reader) (File, bool, error) {
	in := newIntake(body, s.MaxBytes)
	if _, err := io.Copy(io.Discard, in); err != nil {
		return File{}, false, in.fault(err)
	}
	return same(first, in.digest())
}

func same(first File, digest []byte) (File, bool, error) {
	if !bytes.Equal(first.Digest, digest) {
		return File{}, false, &chat.Error{Kind: chat.Conflict, Entity: chat.KeyEntity, Message: "you have used this Idempotency-Key for another file"}
	}
	return first, true, nil
}

// adding is how a file is added: put stores the bytes and completes the record, finish (if set) is the last step.
type adding struct {
	most, quota int64
	put         func(ctx context.Context, f *File, in *intake) error
	finish      func(context.Context) error
}

// add stores the bytes of an upload, completes the record, and stores it.
func (s *Service) add(ctx context.Context, f *File, u Upload, how adding) (err error) {
	most, quota := how.most, how.quota
	if u.Bytes > most {
		return errTooLarge(most)
	}
	left, err := s.left(ctx, f.Tenant, quota, most)
	if err == nil && u.Bytes > left {
		err = errQuota(quota)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, longestUpload)
	defer cancel()
	if err := s.noteUpload(ctx, *f); err != nil {
		return err
	}
	counted := false
	defer func() {
		if err != nil {
			s.undo(ctx, *f, counted)
		}
	}()
	in := newIntake(u.Body, left)
	if err := how.put(ctx, f, in); err != nil {
		if err = in.fault(err); left < most && errors.As(err, new(tooLarge)) {
			err = errQuota(quota)
		}
		return err
	}
	f.Digest = in.digest()
	ctx, done := finishing(ctx)
	defer done()
	if err := s.count(ctx, f.Tenant, Usage{Bytes: f.Size, Files: 1}, quota); err != nil {
		return err
	}
	counted = true
	e, err := f.entry()
	if err == nil {
		e.Version, f.version = 1, 1
		err = s.Store.CreateEntry(ctx, e)
	}
	if err == nil && how.finish != nil {
		err = how.finish(ctx)
	}
	return err
}

// undo removes what an upload has left that failed. What it cannot remove now the sweep removes.
func (s *Service) undo(ctx context.Context, f File, counted bool) {
	ctx, done := finishing(ctx)
	defer done()
	var err error
	if _, readErr := s.Store.Entry(ctx, fileSpace(f.Tenant), f.ID); readErr == nil || !chat.IsKind(readErr, chat.NotFound) {
		err = s.Store.DeleteEntry(ctx, fileSpace(f.Tenant), f.ID)
		s.records.Forget(fileSpace(f.Tenant), f.ID)
	}
	if err = errors.Join(err, s.discard(ctx, f)); err == nil && counted {
		err = s.count(ctx, f.Tenant, Usage{Bytes: -f.Size, Files: -1}, 0)
	}
	if err == nil {
		err = s.forgetUpload(ctx, f)
	}
	if err != nil {
		s.Log.Warn("what an upload has left that failed waits to be removed", "tenant", f.Tenant, "file", f.ID, "error", err)
	}
}

func (s *Service) discard(ctx context.Context, f File) error { return discard(ctx, s.Bucket, f) }

// discard removes the bytes of a file.
func discard(ctx context.Context, b Bucket, f File) error {
	return errors.Join(b.Delete(ctx, f.key()), b.Delete(ctx, f.thumbnailKey()))
}

func (s *Service) noteUpload(ctx context.Context, f File) error {
	return s.Store.CreateEntry(ctx, intent{f.Tenant, f.CreatedAt()}.entry(f.ID))
}

// intent says that there may be something of a file that is not known to be kept.
type intent struct {
	tenant chat.Tenant
	since  time.Time // if not when the file was made: when it was brought here
}

func (i intent) entry(u id.ID) directory.Entry {
	value := string(i.tenant)
	if !i.since.Equal(u.Time()) {
		value += " " + i.since.UTC().Format(time.RFC3339)
	}
	return directory.Entry{Space: uploadSpace, ID: u, Name: u.String(), Value: []byte(value), Version: 1}
}

func intentOf(e directory.Entry) intent {
	t, since, brought := strings.Cut(string(e.Value), " ")
	i := intent{chat.Tenant(t), e.ID.Time()}
	if at, err := time.Parse(time.RFC3339, since); brought && err == nil {
		i.since = at
	}
	return i
}

func (s *Service) forgetUpload(ctx context.Context, f File) error {
	return s.Store.DeleteEntry(ctx, uploadSpace, f.ID)
}

// intake is the body of an upload while it is read. It counts and hashes.
type intake struct {
	body   io.Reader
	most   int64
	read   int64
	head   []byte // read ahead
	hash   hash.Hash
	failed error // of the body
}

func newIntake(body io.Reader, most int64) *intake {
	return &intake{body: body, most: most, hash: sha256.New()}
}

// tooLarge is the error of a body that is longer than it may be.
type tooLarge struct{ most int64 }

func (e tooLarge) Error() string { return fmt.Sprintf("the file is longer than %d bytes", e.most) }

// peek returns the first bytes, before anything is read.
func (in *intake) peek() ([]byte, error) {
	if in.head != nil {
		return in.head, nil
	}
	head := make([]byte, picture.SniffLen)
	n, err := io.ReadFull(readerFunc(in.next), head)
	in.head = head[:n]
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return in.head, err
}

// Read implements io.Reader.
func (in *intake) Read(p []byte) (int, error) {
	if len(in.head) > 0 {
		n := copy(p, in.head)
		in.head = in.head[n:]
		return n, nil
	}
	return in.next(p)
}

func (in *intake) next(p []byte) (int, error) {
	if in.failed != nil {
		return 0, in.failed
	}
	n, err := in.body.Read(p)
	if in.read += int64(n); in.read > in.most {
		n, err = 0, tooLarge{in.most}
	}
	in.hash.Write(p[:n])
	if err != nil {
		in.failed = err
	}
	return n, err
}

func (in *intake) digest() []byte { return in.hash.Sum(nil) }

// fault returns the error of an upload. If the body failed, that is the reason.
func (in *intake) fault(err error) error {
	if in.failed == nil || errors.Is(in.failed, io.EOF) {
		return err
	}
	var large tooLarge
	if errors.As(in.failed, &large) {
		return errTooLarge(large.most)
	}
	return in.failed
}

func errTooLarge(most int64) error {
	return &chat.Error{Kind: chat.TooLarge, Entity: chat.FileEntity, Cause: tooLarge{most}, Message: fmt.Sprintf("a file is at most %d bytes here", most)}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// cleanName returns a name in one line, without folders and characters that are not shown.
func cleanName(name string) string {
	name = strings.ToValidUTF8(strings.ReplaceAll(name, `\`, "/"), "")
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) || r == utf8.RuneError {
			return -1
		}
		return r
	}, path.Base("/"+name))
	if name = strings.TrimSpace(name); name == "" || name == "/" || name == "." || name == ".." {
		return "file"
	}
	if runes := []rune(name); len(runes) > maxName {
		ext := []rune(path.Ext(name))
		if len(ext) > 16 {
			ext = nil
		}
		name = string(runes[:maxName-len(ext)]) + string(ext)
	}
	return name
}
