package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
)

type adminCmd struct {
	Rooms  adminRoomsCmd  `cmd:"" help:"Look after rooms."`
	Sweeps adminSweepsCmd `cmd:"" help:"Show which deleted rooms are still being cleared from the disk."`
	Users  adminUsersCmd  `cmd:"" help:"Look after users."`
	Backup adminBackupCmd `cmd:"" help:"Copy the data of an embedded store into a folder that a server can be started on."`
}

// remote is a running server, and who talks to it. The token is best given in the environment: command lines
// are seen by others.
type remote struct {
	URL   string `name:"url" help:"Address of the server; ${default} if not given." default:"http://127.0.0.1:8080" placeholder:"URL"`
	Token string `help:"API token of an administrator of the server." env:"CONFAB_ADMIN_TOKEN" placeholder:"TOKEN"`
}

// call sends a request to the admin API and decodes the answer into result, unless that is nil.
func (c remote) call(ctx context.Context, method, path string, body, result any) error {
	if c.Token == "" {
		return badSetting("--token is missing: set CONFAB_ADMIN_TOKEN to the API token of an administrator")
	}
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+"/api/chat/v1/admin"+path, content)
	if err != nil {
		return badSetting("--url %q has to be like http://127.0.0.1:8080", c.URL)
	}
	r.Header.Set("Authorization", "Bearer "+c.Token)
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	// The token goes to the server that was named, and to no other.
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(r)
	if err != nil {
		var unreachable *net.OpError
		if errors.As(err, &unreachable) {
			return fmt.Errorf("no server answers at %s: %w", c.URL, unreachable)
		}
		return err
	}
	defer resp.Body.Close()
	const longest = 16 << 20
	answer, err := io.ReadAll(io.LimitReader(resp.Body, longest))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		var problem struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(answer, &problem) != nil || problem.Message == "" {
			problem.Message = "this is not a confab server, or not its address"
		}
		return fmt.Errorf("the server answers %s: %s", resp.Status, problem.Message)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer, result)
}
