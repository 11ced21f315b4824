package progress

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/clocktest"
)

func TestTerminal(t *testing.T) {
	var out strings.Builder
	c := &clocktest.Clock{}
	b := newBar(&out, "import", true, c.Now)
	b.Set(1, 4, "too early")
	require.Empty(t, out.String())
	c.Add(time.Second)
	b.Set(1, 4, "a long note")
	require.Equal(t, "\rimport [=======                       ]  25% 3s left a long note", out.String())
	out.Reset()
	c.Add(time.Second)
	b.Set(4, 4, "")
	require.Equal(t, "\rimport [==============================] 100%"+strings.Repeat(" ", 20), out.String(), "the longer line before is wiped out")
	out.Reset()
	b.End("done")
	b.End("again")
	b.Set(1, 4, "late")
	require.Equal(t, "\rimport: done (2s)"+strings.Repeat(" ", 27)+"\n", out.String())
}

// One of very many things says nothing about the time that the rest takes.
func TestNoTimeLeftFromAlmostNothing(t *testing.T) {
	var out strings.Builder
	c := &clocktest.Clock{}
	b := newBar(&out, "import", false, c.Now)
	c.Add(time.Minute)
	b.Set(1, 1<<40, "row")
	require.Equal(t, "import   0% row\n", out.String())
}

func TestPlain(t *testing.T) {
	var out strings.Builder
	c := &clocktest.Clock{}
	b := newBar(&out, "import", false, c.Now)
	for i := range 25 {
		c.Add(time.Second)
		b.Set(int64(i+1), 100, "note")
	}
	b.End("")
	require.Equal(t, "import  10% 1m30s left note\nimport  20% 1m20s left note\nimport: done (25s)\n", out.String())
}

// An error is the caller's to report: the bar adds no words, and leaves the cursor at the beginning of a line.
func TestFail(t *testing.T) {
	c := &clocktest.Clock{}
	for _, tty := range []bool{true, false} {
		var out strings.Builder
		newBar(&out, "import", tty, c.Now).Fail()
		require.Empty(t, out.String())
		b := newBar(&out, "import", tty, c.Now)
		c.Add(time.Minute)
		b.Set(1, 0, "row")
		drawn := strings.TrimSuffix(out.String(), "\n")
		b.Fail()
		b.Fail()
		b.End("")
		require.Equal(t, drawn+"\n", out.String())
	}
}

func TestOddNumbers(t *testing.T) {
	var out strings.Builder
	c := &clocktest.Clock{}
	b := newBar(&out, "x", true, c.Now)
	for _, n := range [][2]int64{{-1, 10}, {11, 10}, {0, 10}, {5, 0}, {5, -1}} {
		c.Add(time.Second)
		b.Set(n[0], n[1], "")
	}
	require.NotContains(t, out.String(), "NaN")
	require.Contains(t, out.String(), "100%")
	require.NotContains(t, out.String(), "110%")
}

func TestFileIsNoTerminal(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/log")
	require.NoError(t, err)
	defer f.Close()
	New(f, "import").End("done")
	b, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	require.NotContains(t, string(b), "\r")
}
