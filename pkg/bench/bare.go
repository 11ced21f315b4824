package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"strings"
)

// BareHTTP measures a net/http handler that reads the body and answers 204, with the load of Posts.
func BareHTTP(ctx context.Context, o Options) (Result, error) {
	return bare(ctx, o, func(ctx context.Context, s *stage) (Result, error) {
		s.rooms = []string{"room"}
		return s.posts(ctx, "bare-http")
	})
}

// BareLive measures a WebSocket hub that does nothing but write, with the load of Live.
func BareLive(ctx context.Context, o Options) (Result, error) {
	return bare(ctx, o, func(ctx context.Context, s *stage) (Result, error) {
		return s.live(ctx, "bare-live")
	})
}

// bare runs a load against ServeBare, in a process of its own if there is a command for it.
func bare(ctx context.Context, o Options, load func(context.Context, *stage) (Result, error)) (r Result, err error) {
	if o, err = o.withDefaults(); err != nil {
		return r, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	address, pid, stop, err := startBare(ctx, o.BareCommand)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	u, err := url.Parse(address)
	if err != nil {
		return r, err
	}
	o.PID = pid
	return load(ctx, &stage{o: o, url: u, cookies: []string{""}, rooms: []string{bareRoom}})
}

// startBare starts the bare server; pid is 0 if it runs in this process.
func startBare(ctx context.Context, command []string) (address string, pid int, stop func() error, err error) {
	var (
		out  io.Reader
		in   io.Closer
		wait func() error
	)
	if len(command) > 0 {
		c := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // our own program
		stdin, err1 := c.StdinPipe()
		stdout, err2 := c.StdoutPipe()
		if err := errors.Join(err1, err2, c.Start()); err != nil {
			return "", 0, nil, err
		}
		out, in, wait, pid = stdout, stdin, c.Wait, c.Process.Pid
	} else {
		inR, inW := io.Pipe()
		outR, outW := io.Pipe()
		ended := make(chan error, 1)
		go func() {
			err := ServeBare(ctx, inR, outW)
			_ = outW.CloseWithError(err) // never fails
			ended <- err
		}()
		out, in, wait = outR, inW, func() error { return <-ended }
	}
	stop = func() error { return errors.Join(in.Close(), wait()) }
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", 0, nil, errors.Join(fmt.Errorf("the bare server did not start: %w", err), stop())
	}
	return strings.TrimSpace(line), pid, stop, nil
}
