// Package picture crops the pictures that users upload to small squares.
//
// Cropper is its only type. It guarantees a bound on memory and processors, whatever the file is. What a picture needs
// is calculated from its header before it is decoded (need.go); what takes too much is refused. The result contains only
// pixels, no metadata of the file.
package picture

import (
	"bytes"
	"context"
	"errors"
	"runtime"

	"github.com/confab-chat/confab/pkg/turns"
)

const (
	// Size is width and height of a square, in pixels.
	Size = 256
	// defaultMemory is the memory for decoding if it is not given.
	defaultMemory = 256 << 20
	// memoryOfOne is the memory that a picture should have: that of a photograph of twelve megapixels, stored in the most
	// wasteful of the usual ways.
	memoryOfOne = 192 << 20
	// maxWaiting bounds the pictures that wait for others, maxWaitingOfOne those of one user.
	maxWaiting      = 32
	maxWaitingOfOne = 2
)

// Errors about a file, and ErrBusy if too many pictures wait already.
var (
	ErrUnreadable = errors.New("not a PNG, JPEG, WebP or GIF that can be read")
	ErrTooMuch    = errors.New("the picture takes too much to read")
	ErrBusy       = errors.New("too many pictures wait already")
)

// Cropper crops pictures to squares, a few at a time. It may be used concurrently.
type Cropper struct {
	turns  *turns.Turns
	memory int64 // of one picture
}

// NewCropper returns a cropper that needs at most about that many bytes of memory; 0 means 256 MiB. It uses half of the
// processors at most, so that the rest of the server goes on.
func NewCropper(memory int64) *Cropper {
	if memory <= 0 {
		memory = defaultMemory
	}
	parallel := max(1, min(runtime.GOMAXPROCS(0)/2, int(memory/memoryOfOne)))
	return &Cropper{memory: memory / int64(parallel),
		turns: turns.New(turns.Limits{Parallel: parallel, Waiting: maxWaiting, OfOne: maxWaitingOfOne})}
}

// Square returns the middle of a picture as an upright square of Size, and its media type. The file is a PNG, JPEG,
// WebP or GIF; of a GIF it uses the first picture. Pictures wait for each other; users take turns. The error wraps
// ErrUnreadable, ErrTooMuch or ErrBusy, or is that of ctx if ctx ends first: decoding then stops as well.
func (c *Cropper) Square(ctx context.Context, user string, file []byte) (mediaType string, data []byte, err error) {
	err = c.turns.Take(ctx, user)
	if errors.Is(err, turns.ErrFull) {
		return "", nil, ErrBusy
	}
	if err != nil {
		return "", nil, err
	}
	defer c.turns.Pass()
	return square(ctx, file, c.memory)
}

// interruptible reads a file in small steps, and fails when ctx ends. A decoder that is made to work for long by a small
// file still has to read it: between two scans of a JPEG, or two stretches of a compressed stream.
type interruptible struct {
	ctx  context.Context //nolint:containedctx // io.Reader has no place for it
	file *bytes.Reader
}

// step is short enough for two scans of a JPEG at most to fit into it.
const step = 32

// Read implements io.Reader.
func (r *interruptible) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.file.Read(p[:min(len(p), step)])
}
