// Package picture reads the pictures that users upload. It crops avatars, and for pictures in messages finds the size,
// makes thumbnails and previews, and removes metadata.
//
//	d := picture.NewDecoder(256 << 20)
//	err := picture.Strip(bucket, upload, picture.Sniff(head)) // no place, no camera, no comments
//	look, err := d.Look(ctx, user, picture.File{Size: size, Open: open})
//
// Decoder bounds memory and processors, whatever the file is. What a picture needs is calculated from its header before
// it is decoded (need.go); what takes too much is refused. What it makes contains only pixels, no metadata of the file.
// Strip, StripVideo and Sniff decode nothing: the first two copy a file without its metadata, in one pass and constant memory; Sniff
// says what kind of file it is. SVG is no picture here, as it can contain scripts.
package picture

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"

	"github.com/confab-chat/confab/pkg/turns"
)

const (
	// defaultMemory is the memory for decoding if it is not given.
	defaultMemory = 256 << 20
	// memoryOfOne is the memory that a picture should have: that of a photograph of twelve megapixels, stored in the most
	// wasteful of the usual ways.
	memoryOfOne = 192 << 20
	// maxWaiting bounds the pictures that wait for others, maxWaitingOfOne those of one user.
	maxWaiting      = 32
	maxWaitingOfOne = 8
)

// Errors about a file, and ErrBusy if too many pictures wait already.
var (
	ErrUnreadable = errors.New("not a PNG, JPEG, WebP or GIF that can be read")
	ErrTooMuch    = errors.New("the picture takes too much to read")
	ErrBusy       = errors.New("too many pictures wait already")
)

// File is a picture that may be read several times, from its beginning.
type File struct {
	Size int64 // in bytes; nothing after them is read
	Open func() (io.ReadCloser, error)
}

// Bytes returns a file that is in memory.
func Bytes(data []byte) File {
	return File{Size: int64(len(data)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

// Image is an encoded picture without metadata, upright.
type Image struct {
	Type          string // image/jpeg, or image/png if one can see through it
	Width, Height int
	Data          []byte
}

// Decoder decodes pictures, a few at a time. It may be used concurrently. Pictures wait for each other; users take turns.
// Its methods' errors wrap ErrUnreadable, ErrTooMuch, ErrBusy or the error of File; or they are that of ctx if it ends
// first: decoding then stops as well.
type Decoder struct {
	turns  *turns.Turns
	memory int64 // of one picture
}

// NewDecoder returns a decoder that needs at most about that many bytes of memory; 0 means 256 MiB. It uses half of the
// processors at most, so that the rest of the server goes on.
func NewDecoder(memory int64) *Decoder {
	if memory <= 0 {
		memory = defaultMemory
	}
	parallel := max(1, min(runtime.GOMAXPROCS(0)/2, int(memory/memoryOfOne)))
	return &Decoder{memory: memory / int64(parallel),
		turns: turns.New(turns.Limits{Parallel: parallel, Waiting: maxWaiting, OfOne: maxWaitingOfOne})}
}

// inTurn calls work when it is the user's turn.
func (d *Decoder) inTurn(ctx context.Context, user string, work func() error) error {
	err := d.turns.Take(ctx, user)
	if errors.Is(err, turns.ErrFull) {
		return ErrBusy
	}
	if err != nil {
		return err
	}
	defer d.turns.Pass()
	return work()
}

// Square returns the middle of a picture as an upright square of Size. Of a GIF it uses the first picture.
func (d *Decoder) Square(ctx context.Context, user string, file []byte) (out Image, err error) {
	err = d.inTurn(ctx, user, func() error {
		out, err = square(ctx, Bytes(file), d.memory)
		return err
	})
	return out, err
}

// Fit returns a picture that fits into a box of that many pixels, which may be up to MaxBox each way. Its proportions are
// kept, and it is never enlarged. Of an animation it shows the first picture.
func (d *Decoder) Fit(ctx context.Context, user string, file File, width, height int) (out Image, err error) {
	err = d.inTurn(ctx, user, func() error {
		out, err = fit(ctx, file, d.memory, width, height)
		return err
	})
	return out, err
}

// Look returns what is shown of a picture before it is loaded, and its thumbnail. The picture is decoded once for all.
func (d *Decoder) Look(ctx context.Context, user string, file File) (out Look, err error) {
	err = d.inTurn(ctx, user, func() error {
		out, err = look(ctx, file, d.memory)
		return err
	})
	return out, err
}
