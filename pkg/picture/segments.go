package picture

import (
	"encoding/binary"
	"iter"
)

// segments returns the segments of a JPEG before its first scan: the marker of each and what it holds. As the decoder
// does, it skips what is between them.
func segments(jpeg []byte) iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		if len(jpeg) < 2 || jpeg[0] != 0xff || jpeg[1] != 0xd8 {
			return
		}
		for b := jpeg[2:]; len(b) >= 4; {
			marker := b[1]
			switch {
			case b[0] != 0xff, marker == 0xff: // not a marker, or one that is filled up
				b = b[1:]
				continue
			case marker == 0, marker >= 0xd0 && marker <= 0xd7: // they hold nothing
				b = b[2:]
				continue
			case marker == 0xd9, marker == 0xda: // the end, or a scan
				return
			}
			size := int(binary.BigEndian.Uint16(b[2:]))
			if size < 2 || 2+size > len(b) || !yield(marker, b[4:2+size]) {
				return
			}
			b = b[2+size:]
		}
	}
}
