package picture

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// ErrMalformed is the error of Strip about a file that is not what its format demands, or ends too early.
var ErrMalformed = errors.New("the picture is damaged")

// CanStrip says whether Strip knows a media type.
func CanStrip(mediaType string) bool { return strippers[mediaType] != nil }

var strippers = map[string]func(*stripper) error{
	"image/jpeg": (*stripper).jpeg,
	"image/png":  (*stripper).png,
	"image/webp": (*stripper).webp,
	"image/gif":  (*stripper).gif,
}

// Strip copies a JPEG, PNG, WebP or GIF without what it says besides its pixels: where and when it was taken, with which
// camera, by whom; comments, and pictures inside the picture. Pixels are copied as they are stored. What a browser needs to
// show them stays: profiles of colours, the repetition of an animation and the orientation, which is all that is left of
// EXIF. Bytes after the end of the picture are not read.
//
// It reads and writes in one pass, with less than 200 KiB of memory, in a time that is linear in the size of src. The result
// is at most some 40 bytes larger than src. The error wraps ErrMalformed, or is that of src or dst; what was written by then
// has to be thrown away.
func Strip(dst io.Writer, src io.Reader, mediaType string) error {
	strip := strippers[mediaType]
	if strip == nil {
		return fmt.Errorf("%w: metadata of %s is not known", ErrMalformed, mediaType)
	}
	return stripWith(dst, src, strip)
}

func stripWith(dst io.Writer, src io.Reader, strip func(*stripper) error) error {
	s := &stripper{src: src, dst: bufio.NewWriterSize(dst, 32<<10)}
	s.in = bufio.NewReaderSize(readerFunc(s.read), 32<<10)
	err := strip(s)
	if err == nil {
		err = s.dst.Flush()
	}
	switch {
	case s.failed != nil:
		return s.failed
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it ends too early", ErrMalformed)
	}
	return err
}

// stripper copies one file.
type stripper struct {
	src    io.Reader
	in     *bufio.Reader
	dst    *bufio.Writer
	failed error // of src
}

type readerFunc func([]byte) (int, error)

// Read implements io.Reader.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// read tells an error of src from the end of the file.
func (s *stripper) read(p []byte) (int, error) {
	n, err := s.src.Read(p)
	if err != nil && err != io.EOF {
		s.failed = err
	}
	return n, err
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// take reads that many bytes. They are good until the next call of take or peek, and at most some 30,000.
func (s *stripper) take(n int) ([]byte, error) {
	b, err := s.in.Peek(n)
	if err == nil {
		_, err = s.in.Discard(n)
	}
	return b, err
}

func (s *stripper) write(parts ...[]byte) error {
	for _, b := range parts {
		if _, err := s.dst.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// copyNext copies so many bytes.
func (s *stripper) copyNext(n int64) error {
	_, err := io.CopyN(s.dst, s.in, n)
	return err
}

// skip leaves so many bytes out.
func (s *stripper) skip(n int64) error {
	_, err := io.CopyN(io.Discard, s.in, n)
	return err
}

// head reads the first bytes of so many, no more than 4 KiB, and leaves the others out.
func (s *stripper) head(n int64) ([]byte, error) {
	head := make([]byte, min(n, 4<<10))
	if _, err := io.ReadFull(s.in, head); err != nil {
		return nil, err
	}
	return head, s.skip(n - int64(len(head)))
}
