package api

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"sync"

	"github.com/klauspost/compress/flate"
)

// Parts is an answer that is written in parts. It is compressed where Write compresses. Each part is compressed by itself, into
// the one stream that browsers need: so no compressor is held while the client reads.
type Parts struct {
	w          http.ResponseWriter
	compressed bool
	sum, size  uint32 // of what was written so far, for the end of the stream
}

// WriteParts begins an answer with status 200.
func WriteParts(w http.ResponseWriter, contentType string) *Parts {
	c, ok := w.(*compressible)
	if ok {
		w.Header().Add("Vary", "Accept-Encoding")
	}
	p := &Parts{w: w, compressed: ok && c.accepted}
	if p.compressed {
		w.Header().Set("Content-Encoding", "gzip")
	}
	WriteHead(w, http.StatusOK, contentType)
	if p.compressed {
		_, _ = w.Write(gzipHead)
	}
	return p
}

// gzipHead is that of RFC 1952.
var gzipHead = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}

// WriteGzip begins an answer that is a compressed file, with status 200.
func WriteGzip(w http.ResponseWriter) *Parts {
	WriteHead(w, http.StatusOK, "application/gzip")
	_, _ = w.Write(gzipHead)
	return &Parts{w: w, compressed: true}
}

// Write writes a part, and after the last one the end of the answer. An error means that the client is gone.
func (p *Parts) Write(part []byte, last bool) error {
	if p.compressed {
		computed(len(part), func() { part = p.deflated(part, last) })
	}
	_, err := p.w.Write(part)
	return err
}

var deflaters = sync.Pool{New: func() any {
	z, _ := flate.NewWriter(nil, flate.BestSpeed) // the level exists
	return z
}}

func (p *Parts) deflated(part []byte, last bool) []byte {
	p.sum = crc32.Update(p.sum, crc32.IEEETable, part)
	p.size += uint32(len(part)) // modulo 2^32, as in RFC 1952
	z := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(z)
	var out bytes.Buffer
	out.Grow(len(part) / 3)
	z.Reset(&out)
	_, _ = z.Write(part) // a Buffer takes all
	if !last {
		_ = z.Flush()
		return out.Bytes()
	}
	_ = z.Close()
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(out.Bytes(), p.sum), p.size)
}
