package server

import (
	"strings"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/live"
)

// mailArrived is the kind of signals that say that mailboxes have something new.
const mailArrived = "mail"

// signalMail tells all servers whose mailboxes have something new.
func signalMail(hub *live.Hub) func(chat.Tenant, []string) {
	return func(t chat.Tenant, logins []string) {
		hub.Signal(mailArrived, string(t)+"\x00"+strings.Join(logins, "\x00"))
	}
}
