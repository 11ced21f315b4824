package embedded

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
)

// victimEnv names the data folder for the process that is to be killed.
const victimEnv = "CONFAB_TEST_VICTIM"

// victimLog is the log that the victim writes.
var victimLog = chat.Log{Tenant: "t", ID: id.ID{6: 0x10, 15: 1}}

// victim appends messages until it is killed, and prints the id of each one that was
// acknowledged.
func victim(dir string) {
	s, err := Open(dir, quiet())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var out sync.Mutex
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for n := 0; ; n++ {
				m := message(fmt.Sprint(w, " ", n))
				var err error
				if n%2 == 0 {
					err = s.Append(context.Background(), victimLog, m)
				} else {
					_, _, err = s.AppendOnce(context.Background(), victimLog, m.ID.String(), m, id.ID{})
				}
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				out.Lock()
				fmt.Println(m.ID) // one write to a pipe: whole, or not at all
				out.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestKilledServersKeepWhatTheyAcknowledged(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), victimEnv+"="+dir)
		cmd.Stderr = os.Stderr
		pipe, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(pipe)
		for n := 0; lines.Scan(); n++ {
			if n == 500 {
				require.NoError(t, cmd.Process.Kill()) // and read on what it had said before it died
			}
			acknowledged[lines.Text()] = true
		}
		require.NoError(t, lines.Err())
		require.ErrorContains(t, cmd.Wait(), "killed")

		s, err := Open(dir, quiet())
		require.NoError(t, err)
		stored := map[string]int{}
		for at := id.Max; ; {
			ms, err := s.Older(t.Context(), victimLog, at, 1000)
			require.NoError(t, err)
			if len(ms) == 0 {
				break
			}
			for _, m := range ms {
				stored[m.ID.String()]++
				at = m.ID
			}
		}
		for u := range acknowledged {
			require.Equal(t, 1, stored[u], "message %s of %d", u, len(acknowledged))
		}
		// What stood under a key is still the one message of the key.
		for u := range acknowledged {
			key, err := id.Parse(u)
			require.NoError(t, err)
			m, err := s.Message(t.Context(), victimLog, key)
			require.NoError(t, err)
			var w, n int
			_, err = fmt.Sscan(strings.TrimSpace(m.Content), &w, &n)
			require.NoError(t, err)
			if n%2 == 1 {
				again := m
				again.ID = ids.New()
				first, repeated, err := s.AppendOnce(t.Context(), victimLog, u, again, id.ID{})
				require.NoError(t, err)
				require.True(t, repeated)
				require.Equal(t, m, first)
				break
			}
		}
		require.NoError(t, s.Close())
	}
}
