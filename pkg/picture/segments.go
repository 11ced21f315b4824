package picture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"iter"
)

// jpegHeader is what the header of a JPEG says, as the decoder reads it, and how many scans the file may have.
type jpegHeader struct {
	frame       frame
	orientation int
	scans       int64
}

// readJPEGHeader reads a whole file.
func readJPEGHeader(file io.Reader) (jpegHeader, error) {
	h := jpegHeader{orientation: 1}
	count := &scanCounter{file: file}
	r := bufio.NewReader(count)
	framed, oriented := false, false
	for marker, body := range segments(r) {
		switch {
		case marker >= 0xc0 && marker <= 0xc2 && !framed: // the decoder refuses a second one
			h.frame, framed = frameOf(marker, body), true
		case marker == 0xe1 && bytes.HasPrefix(body, exifMark) && !oriented:
			h.orientation, oriented = exifOrientation(body[len(exifMark):]), true
		}
	}
	_, err := io.Copy(io.Discard, r)
	h.scans = count.scans
	return h, err
}

// frameOf returns what a segment says of the picture.
func frameOf(marker byte, body []byte) frame {
	if len(body) < 6 {
		return frame{}
	}
	f := frame{height: int(binary.BigEndian.Uint16(body[1:])), width: int(binary.BigEndian.Uint16(body[3:])), progressive: marker == 0xc2}
	for c := body[6:]; len(c) >= 3; c = c[3:] {
		f.sampling = append(f.sampling, c[1])
	}
	return f
}

// segments returns the segments of a JPEG before its first scan: the marker of each and what it holds, until the next one.
// As the decoder does, it skips what is between them.
func segments(jpeg *bufio.Reader) iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		if b, _ := jpeg.Peek(2); len(b) < 2 || b[0] != 0xff || b[1] != 0xd8 {
			return
		}
		_, _ = jpeg.Discard(2) // they are there, as are those below
		body := make([]byte, 0xffff)
		for {
			b, _ := jpeg.Peek(4)
			if len(b) < 4 {
				return
			}
			marker, size := b[1], int(binary.BigEndian.Uint16(b[2:]))
			switch {
			case b[0] != 0xff, marker == 0xff: // not a marker, or one that is filled up
				_, _ = jpeg.Discard(1)
				continue
			case marker == 0, marker >= 0xd0 && marker <= 0xd7: // they hold nothing
				_, _ = jpeg.Discard(2)
				continue
			case marker == 0xd9, marker == 0xda, size < 2: // the end, or a scan
				return
			}
			_, _ = jpeg.Discard(4)
			if _, err := io.ReadFull(jpeg, body[:size-2]); err != nil || !yield(marker, body[:size-2]) {
				return
			}
		}
	}
}

// scanCounter counts the beginnings of scans in what is read. In data that is coded 0xff is followed by 0. So the two bytes
// 0xff 0xda begin a scan, or are by chance in metadata.
type scanCounter struct {
	file  io.Reader
	last  byte
	scans int64
}

// Read implements io.Reader.
func (c *scanCounter) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	if n > 0 {
		if c.last == 0xff && p[0] == 0xda {
			c.scans++
		}
		c.scans += int64(bytes.Count(p[:n], []byte{0xff, 0xda}))
		c.last = p[n-1]
	}
	return n, err
}
