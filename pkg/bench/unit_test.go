package bench

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestHistogram(t *testing.T) {
	var empty Histogram
	require.Zero(t, empty.Latency())
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(-5, math.MaxInt64), 1, 50).Draw(t, "values")
		var h Histogram
		for i, v := range values {
			h.Add(time.Duration(v))
			values[i] = max(v, 0)
		}
		slices.Sort(values)
		require.EqualValues(t, len(values), h.Count())
		require.EqualValues(t, values[len(values)-1], h.Max())
		require.Equal(t, h.Max(), h.Quantile(1))
		for _, q := range []float64{0, .5, .9, .99} {
			want := values[max(int(math.Ceil(q*float64(len(values)))), 1)-1]
			got := int64(h.Quantile(q))
			require.GreaterOrEqual(t, got, want)
			require.LessOrEqual(t, float64(got), float64(want)*1.016)
		}
	})
}

func TestBuckets(t *testing.T) {
	for i := range 58*perOctave - 1 {
		end := bucketEnd(i)
		require.Equal(t, i, bucketOf(end))
		require.Equal(t, i+1, bucketOf(end+1))
	}
	require.Equal(t, 58*perOctave-1, bucketOf(math.MaxInt64))
}

func TestParseStat(t *testing.T) {
	line := "12 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 14 15 16 17 18 19 20 21 3 23 24"
	u, ok := parseStat([]byte(line))
	require.True(t, ok)
	require.Equal(t, 2*time.Second, u.cpu)
	require.Positive(t, u.rss)
	for _, bad := range []string{"", "12 (x) S", strings.Replace(line, "150", "x", 1)} {
		_, ok := parseStat([]byte(bad))
		require.False(t, ok)
	}
	_, ok = usageOf(-1)
	require.False(t, ok)
}

func TestWire(t *testing.T) {
	answers := "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" +
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nX: y\r\n\r\n" +
		"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: r\r\n\r\n" +
		"HTTP/1.1 503 Busy\r\ncontent-length:0\r\nConnection: close\r\n\r\n"
	w := newWire(&scripted{in: iotest.OneByteReader(strings.NewReader(answers))})
	for _, want := range []struct {
		status int
		body   string
		end    bool
	}{{200, "hello", false}, {204, "", false}, {201, "abc0123456789", false}, {503, "", true}} {
		status, body, err := w.do([]byte("x"))
		require.NoError(t, err)
		require.Equal(t, want.status, status)
		require.Equal(t, want.body, string(body))
		require.Equal(t, want.end, w.end)
	}
	_, _, err := w.do(nil)
	require.ErrorIs(t, err, io.EOF)
	for _, bad := range []string{
		"SSH-2.0\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
	} {
		_, _, err := newWire(&scripted{in: strings.NewReader(bad)}).do(nil)
		require.Error(t, err, bad)
	}
}

// scripted is a connection that answers what it was given.
type scripted struct {
	net.Conn
	in io.Reader
}

func (s *scripted) Read(p []byte) (int, error)    { return s.in.Read(p) }
func (*scripted) Write(p []byte) (int, error)     { return len(p), nil }
func (*scripted) SetDeadline(time.Time) error     { return nil }
func (*scripted) Close() error                    { return nil }
func (*scripted) SetReadDeadline(time.Time) error { return nil }

func TestFrames(t *testing.T) {
	long := strings.Repeat("long ", 3000)
	in := "\n\nCONNECTED\r\nversion:1.2\r\n\r\n\x00\n" +
		"MESSAGE\ncontent-length:3\nmessage:m\n\na\x00b\x00\n" +
		"RECEIPT\nreceipt-id:r1\n\n\x00MESSAGE\n\n" + long + "\x00"
	f := newFrames(iotest.HalfReader(strings.NewReader(in)))
	var got []string
	for {
		fr, err := f.next()
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
		got = append(got, fmt.Sprintf("%s %s %s %q", fr.command, fr.receiptID, fr.message, fr.body))
	}
	require.Equal(t, []string{`CONNECTED   ""`, `MESSAGE  m "a\x00b"`, `RECEIPT r1  ""`, fmt.Sprintf("MESSAGE   %q", long)}, got)

	for _, bad := range []string{
		"MESSAGE\ncontent-length:-1\n\n\x00", "MESSAGE\ncontent-length:99999999\n\n", "MESSAGE\ncontent-length:1\n\nab\x00",
		"MESSAGE\nx:y", "MESSAGE\n\nno end", "MESSAGE\n\n" + strings.Repeat("x", maxFrame+10) + "\x00",
	} {
		_, err := newFrames(strings.NewReader(bad)).next()
		require.Error(t, err, "%.40q", bad)
		require.NotErrorIs(t, err, io.EOF)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("MESSAGE\ncontent-length:3\n\na\x00b\x00\n"))
	f.Add([]byte("\nRECEIPT\nreceipt-id:r\r\n\r\n\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		fs := newFrames(strings.NewReader(string(in)))
		for range len(in) + 1 {
			fr, err := fs.next()
			if err != nil {
				return
			}
			require.NotEmpty(t, fr.command)
			require.LessOrEqual(t, len(fr.body), len(in))
		}
		t.Fatal("more frames than bytes")
	})
}

func FuzzWire(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
	f.Add([]byte("HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
	f.Fuzz(func(_ *testing.T, in []byte) {
		w := newWire(&scripted{in: strings.NewReader(string(in))})
		_, _, _ = w.do(nil) // returns, and takes no more memory than it is sent
	})
}

func TestSocketAnswersPings(t *testing.T) {
	out := &strings.Builder{}
	s := &socket{in: bufio.NewReader(strings.NewReader("\x89\x02hi" + "\x01\x02ab" + "\x89\x00" + "\x80\x01c" + "\x88\x00"))}
	s.conn = &recorded{scripted: scripted{}, out: out}
	b, err := io.ReadAll(s)
	require.ErrorContains(t, err, "closed by the server")
	require.Equal(t, "abc", string(b))
	require.Len(t, out.String(), 2+4+2+2+4, "two masked pongs")
}

type recorded struct {
	scripted
	out io.Writer
}

func (r *recorded) Write(p []byte) (int, error) { return r.out.Write(p) }

func TestASizeOfAConnectionIsNeverNegative(t *testing.T) {
	r := Result{Operations: 10}
	r.perConnection("server", usage{rss: 5 << 20}, usage{rss: 4 << 20})
	require.Empty(t, r.More)
	r.perConnection("server", usage{rss: 4 << 20}, usage{rss: 5 << 20})
	require.InDelta(t, 104857.6, r.More["server_rss_bytes_per_connection"], 0.1)
}
