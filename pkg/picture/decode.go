package picture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // decoders
	_ "image/jpeg"
	_ "image/png"
	"io"

	_ "golang.org/x/image/webp"
)

// decoded is a picture in memory.
type decoded struct {
	img         image.Image
	canvas      image.Rectangle // what is shown: of an animation it may be more than img
	orientation int             // 1 to 8; see orientation.go
	format      string          // gif, jpeg, png, webp
}

// shown returns the size of the picture when it is upright.
func (d *decoded) shown() (width, height int) {
	if d.orientation >= 5 {
		return d.canvas.Dy(), d.canvas.Dx()
	}
	return d.canvas.Dx(), d.canvas.Dy()
}

// decode reads a picture, if that and scaling it into a box are affordable with so many bytes of memory.
func decode(ctx context.Context, file File, memory int64, width, height int) (*decoded, error) {
	h, err := headerOf(ctx, file)
	if err != nil {
		return nil, err
	}
	if err := h.affordable(memory-scaling(width, height), file.Size); err != nil {
		return nil, err
	}
	out := &decoded{canvas: image.Rect(0, 0, h.Width, h.Height), orientation: h.orientation, format: h.format}
	err = file.read(ctx, func(r *bufio.Reader) error {
		pixels := io.Reader(&inSteps{ctx, r})
		if h.animated() {
			var at image.Point
			if pixels, at, err = firstOfWebP(pixels, h.Config); err != nil {
				return err
			}
			out.canvas = out.canvas.Sub(at)
		}
		out.img, _, err = image.Decode(pixels)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// header is what a file says before its pixels.
type header struct {
	image.Config
	format      string
	start       []byte // its first bytes
	orientation int
	jpeg        jpegHeader // if it is one
}

func headerOf(ctx context.Context, file File) (h header, err error) {
	err = file.read(ctx, func(r *bufio.Reader) error {
		start, _ := r.Peek(32) // a shorter file is refused below
		h.start = append(h.start, start...)
		if h.Config, h.format, err = image.DecodeConfig(r); err == nil && Sniff(h.start) != "image/"+h.format {
			err = image.ErrFormat // our decoders want less of its first bytes than browsers do
		}
		return err
	})
	if err != nil {
		return h, err
	}
	h.orientation = 1
	if h.format == "jpeg" {
		err = file.read(ctx, func(r *bufio.Reader) error {
			h.jpeg, err = readJPEGHeader(r)
			return err
		})
		h.orientation = h.jpeg.orientation
	}
	return h, err
}

// source is a file that is being read. Reading it fails when ctx ends.
type source struct {
	ctx  context.Context //nolint:containedctx // io.Reader has no place for it
	file io.Reader
	err  error // of the file or of ctx; decoders do not always return it
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (n int, err error) {
	if err = s.ctx.Err(); err == nil {
		n, err = s.file.Read(p)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// read opens the file and hands it to a function. If that fails although the file could be read, the file is unreadable.
func (f File) read(ctx context.Context, with func(*bufio.Reader) error) error {
	file, err := f.Open()
	if err != nil {
		return err
	}
	defer file.Close()
	s := &source{ctx: ctx, file: io.LimitReader(file, f.Size)}
	err = with(bufio.NewReaderSize(s, 32<<10))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.err != nil:
		return s.err
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return nil
}

// inSteps reads a file in small steps, and fails when ctx ends. A decoder that is made to work for long by a small
// file still has to read it: between two scans of a JPEG, or two stretches of a compressed stream.
type inSteps struct {
	ctx  context.Context //nolint:containedctx // io.Reader has no place for it
	file io.Reader
}

// step is short enough for two scans of a JPEG at most to fit into it.
const step = 32

// Read implements io.Reader.
func (r *inSteps) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.file.Read(p[:min(len(p), step)])
}
