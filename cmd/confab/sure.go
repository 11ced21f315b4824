package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// sure is the consent to what cannot be undone.
type sure struct {
	Yes bool `help:"Do it without a question."`
}

// check returns an error unless --yes is given, or somebody types word on the terminal. what says what would be done.
func (s sure) check(ctx context.Context, what, word string) error {
	if s.Yes {
		return nil
	}
	unsure := badSetting("%s. It cannot be undone: add --yes if you are sure", what)
	if info, err := os.Stdin.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return unsure
	}
	fmt.Fprintf(os.Stderr, "%s. It cannot be undone.\nType %s to go on: ", what, word)
	typed := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		typed <- line
	}()
	select {
	case line := <-typed:
		switch strings.TrimSpace(line) {
		case word:
			return nil
		case "": // no terminal but /dev/null, too
			return unsure
		}
		return errors.New("that is another word: nothing was done")
	case <-ctx.Done():
		return ctx.Err()
	}
}
