package client_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/confab-chat/confab/pkg/client"
)

// A bot that answers: it joins a room and answers each "!ping" with "pong".
func Example() {
	url, stop := exampleServer() // instead of: https://chat.example.org
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	bot, err := client.New(url, client.WithPassword("pong-bot", "correct horse battery"))
	check(err)
	check(bot.Join(ctx, "lounge"))
	live := bot.Live()
	defer live.Close()
	messages, err := live.Subscribe(ctx, "lounge")
	check(err)
	go func() {
		if err := answer(ctx, bot, messages); !errors.Is(err, context.Canceled) && !errors.Is(err, client.ErrClosed) {
			check(err)
		}
	}()

	// Somebody asks.
	ann, err := client.New(url, client.WithPassword("ann", "correct horse battery"))
	check(err)
	here := ann.Live()
	defer here.Close()
	answers, err := here.Subscribe(ctx, "lounge")
	check(err)
	question, err := ann.Post(ctx, "lounge", "!ping")
	check(err)
	for e, err := range answers.Events(ctx) {
		check(err)
		if e.Message.ReplyTo == question.ID {
			fmt.Println(e.Message.Author.Login, "says", e.Message.Content)
			break
		}
	}
	// Output: pong-bot says pong
}

// answer answers until ctx ends, over restarts of the server and failures of the network.
func answer(ctx context.Context, bot *client.Client, messages *client.Subscription) error {
	for e, err := range messages.Events(ctx) {
		if err != nil {
			return err
		}
		if e.Kind != client.Posted || e.Message.Content != "!ping" {
			continue
		}
		// By this key a question is answered once, also by a bot that was restarted and sees it again.
		key := client.Key("pong " + e.Message.ID.String())
		if _, err := bot.Post(ctx, "lounge", "pong", client.ReplyTo(e.Message.ID), key); err != nil {
			return err
		}
	}
	return nil
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// exampleServer starts a server with the users ann and pong-bot, and ann's room lounge.
func exampleServer() (url string, stop func()) {
	dir, err := os.MkdirTemp("", "example")
	check(err)
	w, err := newWorld(dir)
	check(err)
	ctx := context.Background()
	for _, login := range []string{"ann", "pong-bot"} {
		c, err := client.New(w.url, client.WithPassword(login, password))
		check(err)
		_, err = c.SignUp(ctx, client.NewUser{Person: client.Person{Login: login, FirstName: login, LastName: "X"}, Password: password})
		check(err)
		if login == "ann" {
			_, err = c.CreateRoom(ctx, "lounge", "")
			check(err)
		}
	}
	return w.url, func() {
		w.close()
		_ = os.RemoveAll(dir)
	}
}
