package main

import (
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"

	"github.com/confab-chat/confab/pkg/budget"
)

// memory returns how much memory the server may use: what --memory says, otherwise what there is. root is the root
// folder of the machine.
func (s settings) memory(root fs.FS) (int64, error) {
	if s.Memory == "" {
		there, source := budget.Available(root)
		switch {
		case there == 0:
			return 0, badSetting("how much memory there is cannot be found out: give --memory, as in 512MiB")
		case there < budget.Least:
			return 0, badSetting("by %s there are %s for confab, and it needs %s: raise that, or give --memory", source, budget.Text(there), budget.Text(budget.Least))
		}
		return there, nil
	}
	bytes, err := budget.Parse(s.Memory)
	if err != nil {
		return 0, badSetting("--memory: %v", err)
	}
	if bytes < budget.Least {
		return 0, badSetting("--memory %s is too little: confab needs at least %s", s.Memory, budget.Text(budget.Least))
	}
	return bytes, nil
}

// tooMuch returns a warning if the server is told to use more memory than it can have; empty if not.
func (s settings) tooMuch(root fs.FS) string {
	bytes, err := s.memory(root)
	if there := budget.Most(root); err == nil && s.Memory != "" && there > 0 && bytes > there {
		return fmt.Sprintf("--memory is %s, and there are %s: under load this server will be killed instead of refusing requests; give less", budget.Text(bytes), budget.Text(there))
	}
	return ""
}

// shares divides the memory that there is. check has seen that it is enough.
func (s settings) shares() budget.Shares {
	bytes, _ := s.memory(os.DirFS("/"))
	return budget.Divide(bytes)
}

// limitMemory makes Go collect garbage in time, unless the operator has set GOMEMLIMIT.
func limitMemory(s budget.Shares) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(s.Runtime)
	}
}
