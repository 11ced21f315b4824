package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/confab-chat/confab/pkg/bench"
	"github.com/confab-chat/confab/pkg/progress"
)

type benchChaosCmd struct {
	URL      string        `help:"Address of the server." default:"http://127.0.0.1:8080"`
	Posters  int           `help:"Who post, one message after the other." default:"8"`
	Readers  int           `help:"Who read the newest page." default:"4"`
	Rate     int           `help:"Posts a second of all, and as many reads." default:"100"`
	Duration time.Duration `help:"How long." default:"60s"`
	Login    string        `name:"admin-login" help:"Login of an administrator of the server. With one, messages are sent to 600 users of an app as well." env:"CONFAB_ADMIN_LOGIN" placeholder:"LOGIN"`
	Password string        `name:"admin-password" help:"Their password." env:"CONFAB_ADMIN_PASSWORD" placeholder:"PASSWORD"`
	UntilEOF bool          `name:"until-eof" help:"End earlier when the standard input ends."`
}

// Run loads the server, prints what was seen, and fails if anything was that must not be.
func (c *benchChaosCmd) Run(ctx context.Context) error {
	if c.Posters < 1 || c.Readers < 1 || c.Rate < 1 || c.Duration <= 0 {
		return badSetting("--posters, --readers, --rate and --duration have to be positive")
	}
	var end chan struct{}
	if c.UntilEOF {
		end = make(chan struct{})
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			close(end)
		}()
	}
	bar := progress.New(os.Stderr, "chaos")
	r, err := bench.Chaos(ctx, bench.ChaosOptions{URL: c.URL, Posters: c.Posters, Readers: c.Readers, Rate: c.Rate,
		Duration: c.Duration, End: end, Progress: bar.Set, AdminLogin: c.Login, AdminPassword: c.Password})
	bar.End("")
	fmt.Print(r.String())
	if err != nil {
		return err
	}
	if failed := r.Failed(); failed != "" {
		return errors.New(failed)
	}
	fmt.Println("every acknowledged message is there exactly once")
	return nil
}
