package stomp

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// parser splits a stream of bytes, which arrives in pieces of any size, into frames.
//
// We do not use go-stomp's frame.Reader. Frames arrive in pieces that end anywhere, and an idle connection must not
// hold a buffer or a goroutine. That reader reads from a blocking io.Reader, accepts any content-length, and unescapes
// in all versions.
type parser struct {
	state  parseState
	line   []byte // the part of the current line that has arrived
	frame  *frame
	header int // bytes of the frame's lines so far
	length int // of the body; -1: it ends with a NUL
}

// idle reports whether no part of a frame has arrived.
func (p *parser) idle() bool { return p.state == betweenFrames }

type parseState uint8

const (
	betweenFrames parseState = iota
	inLines
	inBody
	atEnd // the NUL after a body of known length
)

// next reads data up to the end of a frame. It returns the frame and the rest of data. A nil frame means that all of
// data was read and the frame continues in the next piece. Errors are protocolErrors. After an error, the parser must
// not be used.
func (p *parser) next(data []byte) (*frame, []byte, error) {
	for len(data) > 0 {
		switch p.state {
		case betweenFrames:
			if data[0] == '\n' || data[0] == '\r' { // heart-beats
				data = data[1:]
				continue
			}
			p.state, p.frame, p.length = inLines, &frame{}, -1
		case inLines:
			i := bytes.IndexByte(data, '\n')
			piece := data
			if i >= 0 {
				piece = data[:i]
			}
			if len(p.line)+len(piece) > maxLine {
				return nil, nil, protocolError("line too long")
			}
			if p.header += len(piece); p.header > maxHeader {
				return nil, nil, protocolError("headers too long")
			}
			p.line = append(p.line, piece...)
			if i < 0 {
				return nil, nil, nil
			}
			data = data[i+1:]
			if err := p.endLine(); err != nil {
				return nil, nil, err
			}
		case inBody:
			rest, err := p.readBody(data)
			if err != nil {
				return nil, nil, err
			}
			data = rest
		case atEnd:
			if data[0] != 0 {
				return nil, nil, protocolError("no NUL after the body")
			}
			f := p.frame
			*p = parser{}
			return f, data[1:], nil
		}
	}
	return nil, nil, nil
}

// readBody reads the part of data that belongs to the body. atEnd reads the NUL that ends a body of known length.
func (p *parser) readBody(data []byte) ([]byte, error) {
	f := p.frame
	n := min(p.length-len(f.body), len(data))
	if p.length < 0 {
		if n = bytes.IndexByte(data, 0); n < 0 {
			n = len(data)
		} else {
			p.state = atEnd
		}
		if len(f.body)+n > maxBody {
			return nil, protocolError("body too large")
		}
	}
	f.body = append(f.body, data[:n]...)
	if len(f.body) == p.length {
		p.state = atEnd
	}
	return data[n:], nil
}

func (p *parser) endLine() error {
	line := bytes.TrimSuffix(p.line, []byte{'\r'})
	p.line = p.line[:0]
	f := p.frame
	if bytes.IndexByte(line, 0) >= 0 || !utf8.Valid(line) {
		return protocolError("malformed frame")
	}
	if f.command == "" {
		f.command = string(line) // never empty: line ends before it count as heart-beats
		return nil
	}
	if len(line) > 0 {
		if len(f.headers) == maxHeaders {
			return protocolError("too many headers")
		}
		name, value, ok := bytes.Cut(line, []byte{':'})
		if !ok || len(name) == 0 {
			return protocolError("malformed header")
		}
		f.headers = append(f.headers, header{string(name), string(value)})
		return nil
	}
	p.line = nil
	p.state = inBody
	if v, ok := f.raw("content-length"); ok {
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil {
			return protocolError("malformed content-length")
		}
		if n > maxBody {
			return protocolError("body too large")
		}
		p.length = int(n)
		if n == 0 {
			p.state = atEnd
		}
	}
	return nil
}
