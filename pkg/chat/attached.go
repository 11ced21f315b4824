package chat

import (
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/confab-chat/confab/pkg/id"
)

// Limits of what a message says of a file that it names.
const (
	maxCaption = 4096
	maxAlt     = 1024
)

const (
	notCaptionText = "must be a text of at most 4096 characters"
	notAlt         = "must be a text of at most 1024 characters"
	notAttached    = "must be a file that you have uploaded to this room"
	notItsKind     = "is a file of another kind"
)

// FilePath is where the files are that messages name. It is part of the API and is stored in messages.
const FilePath = "/api/chat/v1/files/"

// FileClaim is a message that is to name a file.
type FileClaim struct {
	File    string // its UUID
	Author  Identity
	Room    RoomRef
	Message id.ID
	Key     *string // the Idempotency-Key of the message
}

// Attachment is what a message says of the file that it names.
type Attachment struct {
	Name, Type    string
	Size          int64
	Width, Height int    // of a picture that can be shown; 0: it is none
	Preview       []byte // of such a picture: a tiny one
	Thumbnail     bool
}

// Files keeps the files that messages name; see pkg/files. A message of one of the kinds for files names one by the member
// "file" of its body, which it has from AttachFile alone.
type Files interface {
	// Claim makes a message that is about to be stored the one that names a file. It may be repeated. NotFound unless it is a
	// file that the author has uploaded to the room; Conflict if another message names it, but for one with the same Key.
	Claim(ctx context.Context, c FileClaim) (Attachment, error)
	// Claimed is called when the message is stored. With a Key, it may be another one than that of Claim.
	Claimed(ctx context.Context, c FileClaim) error
	// Release undoes Claim for a message that was not stored.
	Release(ctx context.Context, c FileClaim) error
	// InRoom returns the messages of a room that name files, newest first, before a position (zero: the newest).
	InRoom(ctx context.Context, t Tenant, room id.ID, before id.ID, limit int) ([]id.ID, error)
}

// File returns the UUID of the file that a message with this payload names; empty if it names none.
func (p Payload) File() string {
	if rule, known := ruleOfBody(p.Kind); !known || !rule.files {
		return ""
	}
	var b struct {
		File string `json:"file"`
	}
	if json.Unmarshal(p.Body, &b) != nil {
		return ""
	}
	return b.File
}

// asked adds the faults of a body that names a file, and returns what it asks for: the file and what only its author can say
// of it. Whatever else it says of the file is made from the file.
func (f *faults) asked(rule bodyRule, members map[string]jsontext.Value) jsontext.Value {
	out := map[string]jsontext.Value{}
	rest := maps.Clone(members)
	for _, field := range fileFields(rule) {
		v, there := rest[field.name]
		delete(rest, field.name)
		if !there {
			continue
		}
		if wrong := field.check(v); wrong != "" {
			f.add("body."+field.name, wrong, nil)
		} else if text, isText := textOf(v); !isText || text != "" {
			out[field.name] = v
		}
	}
	for _, made := range []string{"url", "name", "type", "size", "width", "height", "preview", "thumbnail"} {
		delete(rest, made)
	}
	f.unknown(rest)
	return marshalBody(out)
}

func fileFields(rule bodyRule) []bodyField {
	fields := []bodyField{
		{name: "file", check: isText(maxLine)},
		{name: "caption", check: isLong(maxCaption, notCaptionText)},
		{name: "alt", check: isLong(maxAlt, notAlt)},
	}
	for _, own := range rule.fields {
		if own.name == "duration" {
			fields = append(fields, own)
		}
	}
	return fields
}

func isLong(most int, wrong string) func(jsontext.Value) string {
	return func(v jsontext.Value) string {
		if text, ok := textOf(v); !ok || utf8.RuneCountInString(text) > most || strings.ContainsRune(text, 0) {
			return wrong
		}
		return ""
	}
}

func marshalBody(members any) jsontext.Value {
	b, err := json.Marshal(members)
	if err == nil {
		var c jsontext.Value
		if c, err = canonicalObject(b); err == nil {
			return c
		}
	}
	panic("chat: a body that is no JSON: " + err.Error())
}

// attach claims the file that a payload asks for (see asked), and returns the content and the payload of the message.
func (s *Service) attach(ctx context.Context, c FileClaim, asked Payload) (content string, p Payload, err error) {
	fault := func(message string) error {
		var f faults
		f.add("body.file", message, &c.File)
		return f.err(MessageEntity)
	}
	if s.files == nil {
		return "", p, fault(notAttached)
	}
	a, err := s.files.Claim(ctx, c)
	if IsKind(err, NotFound) {
		err = fault(notAttached)
	}
	if err != nil {
		return "", p, err
	}
	if !a.isA(asked.Kind) {
		return "", p, errors.Join(fault(notItsKind), s.files.Release(ctx, c))
	}
	members := map[string]jsontext.Value{}
	if err := json.Unmarshal(asked.Body, &members); err != nil {
		return "", p, err
	}
	set := func(name string, v any) {
		b, _ := json.Marshal(v) // texts and numbers
		members[name] = b
	}
	set("url", FilePath+c.File)
	set("name", a.Name)
	set("type", a.Type)
	set("size", a.Size)
	if a.Width > 0 {
		set("width", a.Width)
		set("height", a.Height)
		set("preview", base64.StdEncoding.EncodeToString(a.Preview))
	}
	if a.Thumbnail {
		set("thumbnail", FilePath+c.File+"/thumbnail")
	}
	p = asked
	p.Body = marshalBody(members)
	if caption, _ := textOf(members["caption"]); strings.TrimSpace(caption) != "" {
		return caption, p, nil
	}
	return a.Name, p, nil
}

// isA reports whether a message of a kind may name the file. What cannot be shown or played is a file.
func (a Attachment) isA(k MessageKind) bool {
	switch k {
	case ImageKind:
		return a.Width > 0
	case AudioKind, VideoKind:
		// One container may have either; only a player can tell.
		return strings.HasPrefix(a.Type, "audio/") || strings.HasPrefix(a.Type, "video/")
	}
	return true
}

// detaching stores the intent to remove the file of a message that is about to be deleted, if it names one. The caller calls
// begin when it is deleted.
func (s *Service) detaching(ctx context.Context, l Log, m Message) (begin func(), err error) {
	if s.files == nil || m.File() == "" {
		return func() {}, nil
	}
	ctx, cancel := changing(ctx)
	defer cancel()
	return s.jobs.Intend(ctx, FileOf(l, m.ID))
}

// RoomFiles returns messages of a room that name files, newest first, before a position (nil: the newest), at most limit, and
// whether there are older ones. who has to be a participant. It may return fewer, as it leaves out messages that are deleted.
func (s *Service) RoomFiles(ctx context.Context, who Identity, room string, before *id.ID, limit int) (ms []Message, next id.ID, more bool, err error) {
	r, _, err := s.Access(ctx, who, room)
	if err != nil || s.files == nil {
		return nil, next, false, err
	}
	if before != nil {
		next = *before
	}
	ids, err := s.files.InRoom(ctx, who.Tenant, r.ID, next, min(limit, MaxPage)+1)
	if err != nil {
		return nil, next, false, err
	}
	if more = len(ids) > min(limit, MaxPage); more {
		ids = ids[:len(ids)-1]
	}
	all, err := s.store.MessagesByID(ctx, r.Log(who.Tenant), ids)
	for _, u := range ids {
		next = u
		if s.shown(r).hides(u) {
			more = false // all others are older
			break
		}
		if m, there := all[u]; there && m.File() != "" {
			ms = append(ms, m)
		}
	}
	return ms, next, more, err
}
