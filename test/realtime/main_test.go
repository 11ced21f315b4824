// Package realtime tests real time against the real binary: several nodes on one Cassandra,
// killed and cut off from each other under load. Beside it, clients.test.mjs does so with the field's own clients.
package realtime

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// addressEnv names the Cassandra to test against; "off" leaves out what needs one.
const addressEnv = "CONFAB_TEST_CASSANDRA"

// binaryEnv names the binary to test; without it one is built.
const binaryEnv = "CONFAB_BIN"

var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv(addressEnv) == "off" {
		return m.Run()
	}
	if binary = os.Getenv(binaryEnv); binary == "" {
		dir, err := os.MkdirTemp("", "confab-realtime-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		binary = filepath.Join(dir, "confab")
		if out, err := exec.Command("go", "build", "-o", binary, "github.com/confab-chat/confab/cmd/confab").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "cannot build the binary: %v\n%s", err, out)
			return 1
		}
	}
	return m.Run()
}
