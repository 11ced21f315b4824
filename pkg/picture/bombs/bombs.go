// Package bombs makes small pictures that take much to decode, for tests and for attacks on a server of one's own.
package bombs

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
)

// JPEG returns a progressive JPEG whose components have nothing but runs of empty blocks, in that many scans each.
func JPEG(side, components, scans int) []byte {
	segment := func(marker byte, data ...byte) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(data)+2)), data...)
	}
	out := append([]byte{0xff, 0xd8}, segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)...)
	header := []byte{8, byte(side >> 8), byte(side), byte(side >> 8), byte(side), byte(components)}
	for c := range components {
		header = append(header, byte(c+1), 0x11, 0)
	}
	out = append(out, segment(0xc2, header...)...)
	// One code of one bit: the end of a band, for 16384 blocks and as many more as the next 14 bits say.
	out = append(out, segment(0xc4, append(append([]byte{0x10, 1}, make([]byte, 15)...), 0xe0)...)...)
	out = append(out, segment(0xee, []byte("Adobe\x00\x64\x00\x00\x00\x00\x00")...)...)
	for range scans {
		for c := range components {
			out = append(out, segment(0xda, 1, byte(c+1), 0, 1, 63, 0)...)
			out = append(out, runs((side+7)/8*((side+7)/8))...)
		}
	}
	return append(out, 0xff, 0xd9)
}

// runs are the codes for that many empty blocks. The last run may be longer than what there is.
func runs(blocks int) (out []byte) {
	var bits, n uint64
	for blocks > 0 {
		run := max(16384, min(blocks, 32767))
		blocks -= run
		bits, n = bits<<15|uint64(run-16384), n+15
		for ; n >= 8; n -= 8 {
			b := byte(bits >> (n - 8))
			if out = append(out, b); b == 0xff {
				out = append(out, 0)
			}
		}
	}
	if n > 0 {
		out = append(out, byte(bits<<(8-n)|(1<<(8-n)-1)))
	}
	return out
}

// PNG returns a PNG of 16 bits a channel, of one colour.
func PNG(w, h int, interlaced bool) []byte {
	size := 0
	passes := [][4]int{{0, 0, 1, 1}}
	if interlaced {
		passes = [][4]int{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}
	}
	for _, p := range passes {
		if across, down := (w-p[0]+p[2]-1)/p[2], (h-p[1]+p[3]-1)/p[3]; across > 0 && down > 0 {
			size += down * (1 + 8*across)
		}
	}
	return png(w, h, interlaced, zeros(size))
}

// zeros returns n zeros in the format of zlib. One part is compressed, and repeated: compressing hundreds of megabytes takes
// many seconds. A part that ends with a flush refers to nothing before it, and ends with a whole byte.
func zeros(n int) []byte {
	const part = 1 << 20
	var block bytes.Buffer
	compress := func(n int, last bool) []byte {
		block.Reset()
		z, _ := flate.NewWriter(&block, flate.DefaultCompression) // its level is one, and writing to memory does not fail
		_, _ = z.Write(make([]byte, n))
		if last {
			_ = z.Close()
		} else {
			_ = z.Flush()
		}
		return block.Bytes()
	}
	out := append([]byte{0x78, 0x9c}, bytes.Repeat(compress(part, false), n/part)...)
	out = append(out, compress(n%part, true)...)
	const modulus = 65521 // of Adler-32: the sum of zeros is 1, the sum of these sums their number
	return binary.BigEndian.AppendUint32(out, uint32(n%modulus)<<16|1)
}

// PNGHeader returns a PNG of 16 bits a channel that has a size and no pixels.
func PNGHeader(w, h int) []byte { return png(w, h, false, nil) }

func png(w, h int, interlaced bool, data []byte) []byte {
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))
	header = append(header, 16, 6, 0, 0, 0)
	if interlaced {
		header[12] = 1
	}
	out := []byte("\x89PNG\r\n\x1a\n")
	for _, c := range []struct {
		name string
		data []byte
	}{{"IHDR", header}, {"IDAT", data}, {"IEND", nil}} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(c.data)))
		named := append([]byte(c.name), c.data...)
		out = binary.BigEndian.AppendUint32(append(out, named...), crc32.ChecksumIEEE(named))
	}
	return out
}

// bitWriter writes bits, the least significant first.
type bitWriter struct {
	out []byte
	n   int
}

func (w *bitWriter) put(v uint32, bits int) {
	for i := range bits {
		if w.n%8 == 0 {
			w.out = append(w.out, 0)
		}
		w.out[w.n/8] |= byte(v>>i&1) << (w.n % 8)
		w.n++
	}
}

// one writes a set of codes of which each has only one symbol, 0 but for green's.
func (w *bitWriter) one(green uint32) {
	for i := range 5 {
		w.put(1, 1)
		w.put(0, 1)
		if i == 0 {
			w.put(1, 1)
			w.put(green, 8)
		} else {
			w.put(0, 2)
		}
	}
}

// full writes a set of codes of which four have 256 symbols. It takes 17 bytes.
func (w *bitWriter) full() {
	for i := range 5 {
		if i == 4 {
			w.put(1, 1)
			w.put(0, 3)
			continue
		}
		w.put(0, 1)
		w.put(8, 4) // the lengths of twelve codes for lengths follow: only that of the length 8 is there
		for j := range 12 {
			w.put(uint32(j/11), 3)
		}
		w.put(1, 1) // there are 2 + 254 symbols; each takes no bits
		w.put(3, 3)
		w.put(254, 8)
	}
}

// WebP returns a lossless WebP of one colour with that many sets of codes, which costs nothing for each pixel.
func WebP(side, sets int) []byte {
	w := &bitWriter{}
	w.put(0x2f, 8)
	w.put(uint32(side-1), 14)
	w.put(uint32(side-1), 14)
	w.put(0, 4)
	w.put(0, 2) // neither transformations nor a cache of colours
	if sets < 2 {
		w.put(0, 1)
		w.one(0)
	} else {
		w.put(1, 1)
		w.put(0, 3) // tiles of 4 by 4
		w.put(0, 1)
		// The set of every tile is the last one, whose codes take no bits. It is green of the picture of tiles.
		w.one(uint32(sets - 1))
		for range sets - 1 {
			w.full()
		}
		w.one(0)
	}
	for range 64 {
		w.put(0, 8)
	}
	body := append([]byte("WEBPVP8L"), binary.LittleEndian.AppendUint32(nil, uint32(len(w.out)))...)
	if body = append(body, w.out...); len(body)%2 == 1 {
		body = append(body, 0)
	}
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}
