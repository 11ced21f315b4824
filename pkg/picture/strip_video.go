package picture

import (
	"bytes"
	"encoding/binary"
	"io"
)

// CanStripVideo says whether StripVideo knows a media type.
func CanStripVideo(mediaType string) bool {
	return mediaType == "video/mp4" || mediaType == "video/quicktime" || mediaType == "video/3gpp"
}

// StripVideo copies a film in boxes (ISO 14496-12: MP4, QuickTime, 3GP) without what it says besides its pictures and its
// sound: where and when it was taken, with which camera, its title. What is left out becomes empty space and times become
// zero, so that everything else stays where it is; the result is as long as src. Bytes after the last box are not read.
//
// It reads and writes in one pass, with less than 200 KiB of memory. Errors are those of Strip.
func StripVideo(dst io.Writer, src io.Reader) error {
	return stripWith(dst, src, func(s *stripper) error { return (&film{stripper: s}).boxes(filmUntilEnd, "") })
}

type film struct {
	*stripper
	hasIndex, hasData bool
}

// filmParts are the boxes that contain what is left out, by the box that they are in; "" is the file.
var filmParts = map[string]string{"moov": "", "trak": "moov", "mdia": "trak"}

// filmUntilEnd is the size of what ends with the file.
const filmUntilEnd = -1

// boxes copies boxes that take so many bytes, or all until the end of the file.
func (f *film) boxes(left int64, in string) error {
	for left != 0 {
		b, err := f.in.Peek(8)
		if in == "" && f.hasIndex && f.hasData && (err != nil || !isBox(b)) {
			return nil // the end, or bytes after it
		}
		if err != nil {
			return err
		}
		head, size, err := f.boxHead(left)
		if err != nil {
			return err
		}
		if left > 0 {
			left -= int64(len(head)) + size
		}
		if err := f.box(head, size, in); err != nil {
			return err
		}
		if size == filmUntilEnd {
			return nil
		}
	}
	return nil
}

func isBox(b []byte) bool {
	size := binary.BigEndian.Uint32(b)
	return size < 2 || size >= 8
}

// boxHead reads the size and the name of a box, and returns how many bytes follow.
func (f *film) boxHead(left int64) (head []byte, size int64, err error) {
	b, err := f.take(8)
	if err != nil {
		return nil, 0, err
	}
	head = bytes.Clone(b)
	switch short := binary.BigEndian.Uint32(head); short {
	case 0:
		if left != filmUntilEnd {
			return nil, 0, malformed("the box %q has no size", head[4:])
		}
		return head, filmUntilEnd, nil
	case 1:
		if b, err = f.take(8); err != nil {
			return nil, 0, err
		}
		head = append(head, b...)
		long := binary.BigEndian.Uint64(b)
		if long > 1<<62 {
			return nil, 0, malformed("the box %q is too long", head[4:8])
		}
		size = int64(long)
	default:
		size = int64(short)
	}
	if size -= int64(len(head)); size < 0 || left != filmUntilEnd && size > left-int64(len(head)) {
		return nil, 0, malformed("the box %q is longer than what it is in, or too short", head[4:8])
	}
	return head, size, nil
}

// box copies a box, of which the head was read.
func (f *film) box(head []byte, size int64, in string) error {
	name := string(head[4:8])
	f.hasIndex = f.hasIndex || name == "moov" || name == "moof"
	f.hasData = f.hasData || name == "mdat"
	parent, contains := filmParts[name]
	switch {
	case name == "udta", name == "meta", name == "uuid" && in != "trak" && in != "mdia", name == "free", name == "skip":
		return f.blank(head, size)
	case contains && parent == in:
		if size == filmUntilEnd {
			return malformed("the box %q has no size", name)
		}
		if err := f.write(head); err != nil {
			return err
		}
		return f.boxes(size, name)
	case name == "mvhd" && in == "moov", name == "tkhd" && in == "trak", name == "mdhd" && in == "mdia":
		return f.timeless(head, size)
	}
	if err := f.write(head); err != nil {
		return err
	}
	if size == filmUntilEnd {
		_, err := io.Copy(f.dst, f.in)
		return err
	}
	return f.copyNext(size)
}

// blank writes empty space in place of a box.
func (f *film) blank(head []byte, size int64) error {
	copy(head[4:], "free")
	if err := f.write(head); err != nil {
		return err
	}
	if size == filmUntilEnd {
		_, err := io.Copy(f.dst, &emptied{f.in})
		return err
	}
	if err := f.skip(size); err != nil {
		return err
	}
	_, err := io.CopyN(f.dst, zeros{}, size)
	return err
}

// timeless copies a box that begins with its version, and the times when something was made and changed, without these.
func (f *film) timeless(head []byte, size int64) error {
	version, err := f.in.Peek(1)
	if err != nil {
		return err
	}
	times := int64(8)
	if version[0] == 1 {
		times = 16
	}
	if size < 4+times {
		return malformed("the box %q is too short", head[4:8])
	}
	if err := f.write(head); err != nil {
		return err
	}
	if err := f.copyNext(4); err != nil {
		return err
	}
	if err := f.skip(times); err != nil {
		return err
	}
	if err := f.write(make([]byte, times)); err != nil {
		return err
	}
	return f.copyNext(size - 4 - times)
}

// emptied reads as many zeros as there are bytes.
type emptied struct{ io.Reader }

func (e *emptied) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	clear(p[:n])
	return n, err
}
