package cassandra

import (
	"encoding/binary"

	"github.com/gocql/gocql/lz4"
	block "github.com/pierrec/lz4/v4"
)

// compressor is the driver's lz4 compressor with another encoder. The driver's encoder allocates a table of 130 KiB for
// each request. With its garbage collection, that was a third of the cost of a post.
type compressor struct{ lz4.LZ4Compressor }

// worthwhile is the size from which on a request is compressed. Most requests are shorter: they fit one packet anyway,
// and are sent as a block of literals.
const worthwhile = 1024

// Encode implements gocql.Compressor: four bytes of length, then an lz4 block.
func (compressor) Encode(data []byte) ([]byte, error) {
	if len(data) < worthwhile {
		return literals(data), nil
	}
	buf := make([]byte, 4+block.CompressBlockBound(len(data)))
	binary.BigEndian.PutUint32(buf, uint32(len(data)))
	n, err := block.CompressBlock(data, buf[4:], nil) // with a table of the library's pool
	if err != nil {
		return nil, err
	}
	return buf[:4+n], nil
}

// literals returns data as a block with nothing to copy: a token, what the length is above its nibble, and
// the bytes themselves.
func literals(data []byte) []byte {
	n := len(data)
	buf := binary.BigEndian.AppendUint32(make([]byte, 0, n+n/255+6), uint32(n))
	if n < 15 {
		return append(append(buf, byte(n<<4)), data...)
	}
	buf = append(buf, 15<<4)
	for n -= 15; n >= 255; n -= 255 {
		buf = append(buf, 255)
	}
	return append(append(buf, byte(n)), data...)
}
