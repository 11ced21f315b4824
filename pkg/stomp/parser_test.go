package stomp

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{"": "", "plain": "plain", `a\nb\rc\cd\\e`: "a\nb\rc:d\\e"} {
		got, ok := unescape(in)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{`\`, `a\`, `\t`, `\N`} {
		_, ok := unescape(bad)
		require.False(t, ok, bad)
	}
}

func TestHeadersOfVersions(t *testing.T) {
	f := &frame{headers: []header{{"a", `x\cy`}, {`b\cc`, "1"}, {"a", "second"}}}
	v, _, err := f.get("a")
	require.NoError(t, err)
	require.Equal(t, `x\cy`, v, "1.0 has no escapes")
	f.escaped = true
	v, _, err = f.get("a")
	require.NoError(t, err)
	require.Equal(t, "x:y", v)
	v, ok, _ := f.get("b:c")
	require.True(t, ok)
	require.Equal(t, "1", v)
}

// FuzzParser checks that frames do not depend on how the stream is split, that nothing exceeds the limits or panics,
// and that a frame that was parsed and written again is parsed as the same frame.
func FuzzParser(f *testing.F) {
	for _, seed := range []string{
		"CONNECT\naccept-version:1.1,1.0\nheart-beat:10000,10000\n\n\x00",
		"\n\r\nSUBSCRIBE\r\nid:sub-0\r\ndestination:/topic/messages/x\r\n\r\n\x00\n",
		"SEND\ncontent-length:3\n\na\x00b\x00SEND\n\nbody\x00",
		"SEND\ncontent-length:4\n\nabc\x00", "X\n:y\n\n\x00", "X\na\n\n\x00", "X\x00", "\xff\n\n\x00", "A\n\n\x00B\n\n\x00",
	} {
		f.Add([]byte(seed), 1)
	}
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		whole, wholeErr := parseAll(&parser{}, data)
		p := &parser{}
		var pieces []*frame
		var err error
		if step < 1 || step > 1000 {
			step = 1
		}
		for rest := data; len(rest) > 0 && err == nil; {
			n := min(step, len(rest))
			var fs []*frame
			fs, err = parseAll(p, rest[:n])
			pieces, rest = append(pieces, fs...), rest[n:]
			require.LessOrEqual(t, len(p.line), maxLine)
		}
		require.Equal(t, whole, pieces)
		require.Equal(t, wholeErr == nil, err == nil)
		var again bytes.Buffer
		for _, f := range whole {
			require.LessOrEqual(t, len(f.body), maxBody)
			require.LessOrEqual(t, len(f.headers), maxHeaders)
			again.WriteString(f.command + "\n")
			for _, h := range f.headers {
				again.WriteString(h.name + ":" + h.value + "\n")
			}
			again.WriteString("\n")
			again.Write(f.body)
			again.WriteByte(0)
		}
		if bytes.Contains(data, []byte("\r")) {
			return // line ends are not kept
		}
		same, err := parseAll(&parser{}, again.Bytes())
		require.NoError(t, err)
		require.Equal(t, whole, same)
	})
}
