package live

import (
	"encoding/hex"
	"strings"
	"sync"

	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

// SessionEnded is the kind of signal that closes the sockets of a session. Its key is a SessionKey.
const SessionEnded = "session-ended"

// SessionKey returns the key of signals about a session.
func SessionKey(h auth.Hash) string { return hex.EncodeToString(h[:]) }

// AccountEnded is the kind of signal that says that the sessions of an account may have ended. Transports then check
// the sessions of the account's sockets. Its key is an AccountKey.
const AccountEnded = "account-ended"

// AccountKey returns the key of signals about an account.
func AccountKey(who chat.Identity) string { return string(who.Tenant) + "\x00" + who.Login }

// AccountOf returns the account of an AccountKey.
func AccountOf(key string) chat.Identity {
	tenant, login, _ := strings.Cut(key, "\x00")
	return chat.Identity{Tenant: chat.Tenant(tenant), Login: login}
}

type signals struct {
	mu       sync.Mutex
	handlers map[string]map[int]func(key string)
	next     int
	polled   map[string]bool // kinds; see PollSignal
}

// Signal tells all nodes that the object with the key has changed or ended. It calls the handlers of that kind on this
// node before it returns. Those on other nodes are called soon after.
func (h *Hub) Signal(kind, key string) {
	h.signals.call(kind, key)
	_ = h.peers.broadcast(packet{Kind: packetSignal, Signal: kind, Key: key})
}

// OnSignal calls f for each signal of that kind, from this node and others. Calls may be concurrent. An empty key means
// that signals may have been missed: f must then assume that every object of the kind may have changed.
func (h *Hub) OnSignal(kind string, f func(key string)) (cancel func()) {
	s := &h.signals
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handlers == nil {
		s.handlers = make(map[string]map[int]func(string))
	}
	if s.handlers[kind] == nil {
		s.handlers[kind] = make(map[int]func(string))
	}
	n := s.next
	s.next++
	s.handlers[kind][n] = f
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.handlers[kind], n)
	}
}

// PollSignal makes the handlers of a kind be called with an empty key every pollSignalsEvery while a node is unreachable: its
// signals are not received.
func (h *Hub) PollSignal(kind string) {
	s := &h.signals
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.polled == nil {
		s.polled = make(map[string]bool)
	}
	s.polled[kind] = true
}

// poll calls the handlers of the kinds of PollSignal.
func (s *signals) poll() {
	for _, f := range s.of(func(kind string) bool { return s.polled[kind] }) {
		f("")
	}
}

func (s *signals) call(kind, key string) {
	for _, f := range s.of(func(k string) bool { return k == kind }) {
		f(key)
	}
}

// doubt calls all handlers with an empty key, because signals may have been missed.
func (s *signals) doubt() {
	for _, f := range s.of(func(string) bool { return true }) {
		f("")
	}
}

func (s *signals) of(match func(kind string) bool) []func(string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []func(string)
	for kind, fs := range s.handlers {
		if match(kind) {
			for _, f := range fs {
				out = append(out, f)
			}
		}
	}
	return out
}
