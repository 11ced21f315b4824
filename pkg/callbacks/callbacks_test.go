package callbacks

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/directory"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/outbound"
)

func TestAnEventGoesToTheRulesThatWantIt(t *testing.T) {
	w := newWorld(t)
	all, few := w.receiver(well), w.receiver(well)
	rule, secret := w.rule(Change{URL: &all.URL})
	other, _ := w.rule(Change{URL: &few.URL, Events: &[]chat.ActKind{chat.RecallAct}})
	m := w.message("hello", "bob")
	w.tell(m)
	c := w.next(all)
	require.Equal(t, []string{"message", "1", "confab/test"}, []string{c.Get("X-Confab-Event"), c.Get("X-Confab-Attempt"), c.Get("User-Agent")})
	at := m.Message.ID.Time()
	callID := c.body["callId"].(string)
	require.Regexp(t, `^org#app_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, callID)
	require.Equal(t, map[string]any{"version": 1.0, "kind": "message", "callId": callID, "appkey": "org#app", "timestamp": float64(at.UnixMilli()), "security": outbound.Security(callID, secret, at),
		"eventType": "chat", "chat_type": "chat", "msg_id": numberOf(m.Message.ID), "from": "ann", "to": "bob",
		"payload": map[string]any{"bodies": []any{"hello"}, "ext": map[string]any{}, "from": "ann", "to": "bob"}}, c.body)
	require.Equal(t, outbound.Sign(w.clock.Now(), []byte(c.raw), secret), c.Get("X-Confab-Signature"))
	w.waiting(rule, 0)
	m.Kind = chat.RecallAct
	w.tell(m)
	require.Equal(t, "recall", w.next(all).body["kind"])
	require.Equal(t, "recall", w.next(few).body["kind"])
	w.waiting(other, 0)
	require.Empty(t, few.calls)
	require.Zero(t, w.asked.Load(), "that the acts were done was known")

	// Nobody wants anything of another app, and that costs nothing.
	wants, err := w.told.Wants(t.Context(), "app-2", chat.MessageAct)
	require.NoError(t, err)
	require.False(t, wants)
}

// The receiver is away for an hour. All comes later, once, in the order of each conversation, in the same words.
func TestAnOutageOfAnHour(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	first := map[string]string{}
	r := w.receiver(failed)
	rule, _ := w.rule(Change{URL: &r.URL})
	const many = 40
	for i := range many {
		w.tell(w.message(fmt.Sprint(i), fmt.Sprint("user", i%4)))
		c := w.next(r)
		first[c.body["callId"].(string)] = c.raw
	}
	for end := w.clock.Now().Add(time.Hour); w.clock.Now().Before(end); {
		w.waiting(rule, many)
		w.clock.Add(10 * time.Minute)
		w.queue.Poll()
	}
	w.waiting(rule, many)
	got := map[string]int{}
	r.answer.Store(func(c call) int {
		mu.Lock()
		defer mu.Unlock()
		got[c.raw]++
		return 200
	})
	w.clock.Add(3 * time.Hour)
	w.queue.Poll()
	w.waiting(rule, 0)
	require.Len(t, got, many)
	for callID, body := range first {
		require.Equal(t, 1, got[body], callID)
	}
	require.Empty(t, w.letters(0))
}

func TestEventsOfAConversationStayInOrder(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	got := map[string][]string{}
	var now, most atomic.Int32
	r := w.receiver(func(c call) int {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		time.Sleep(time.Millisecond) // for others to come
		mu.Lock()
		defer mu.Unlock()
		to := c.body["to"].(string)
		got[to] = append(got[to], c.body["payload"].(map[string]any)["bodies"].([]any)[0].(string))
		return 200
	})
	rule, _ := w.rule(Change{URL: &r.URL})
	const many = 400
	for i := range many {
		w.tell(w.message(fmt.Sprintf("%04d", i), fmt.Sprint("user", i%25)))
		w.clock.Add(time.Millisecond)
	}
	w.waiting(rule, 0)
	n := 0
	for to, texts := range got {
		for i := 1; i < len(texts); i++ {
			require.Less(t, texts[i-1], texts[i], to)
		}
		n += len(texts)
	}
	require.Equal(t, many, n)
	require.LessOrEqual(t, most.Load(), int32(atOnce))
}

func TestPausesAndDeadLetters(t *testing.T) {
	w := newWorld(t)
	r := w.receiver(failed)
	rule, _ := w.rule(Change{URL: &r.URL})
	w.tell(w.message("in vain", "bob"))
	c := w.next(r)
	total := time.Duration(0)
	for i, pause := range pauses {
		waited := w.pass(rule)
		require.InDelta(t, float64(pause), float64(waited), float64(pause)/5+float64(2*time.Millisecond))
		total += waited
		next := w.next(r)
		require.Equal(t, c.raw, next.raw)
		require.Equal(t, fmt.Sprint(i+2), next.Get("X-Confab-Attempt"))
	}
	l := w.letters(1)[0]
	w.waiting(rule, 0)
	require.Equal(t, Letter{ID: l.ID, CallID: c.body["callId"].(string), Rule: rule.ID, Kind: chat.MessageAct, CreatedAt: l.CreatedAt, Attempts: 12, Status: 500, Error: "it answered 500 Internal Server Error"}, l)
	windows, err := w.told.Windows(t.Context(), app)
	require.NoError(t, err)
	require.Equal(t, []Window{{"202603020100", 1}}, windows)

	// It is tried anew, and fails for good: another letter, of the same event.
	require.NoError(t, w.told.Retry(t.Context(), app, "202603020100", nil, ""))
	require.Equal(t, "1", w.next(r).Get("X-Confab-Attempt"))
	w.letters(0)
	r.answer.Store(func(call) int { return 410 })
	w.pass(rule)
	require.Equal(t, c.raw, w.next(r).raw)
	again := w.letters(1)[0]
	require.Equal(t, []any{l.CallID, 410, 2}, []any{again.CallID, again.Status, again.Attempts}, "gone is gone")

	// Elsewhere, it is taken.
	elsewhere := w.receiver(well)
	for _, bad := range []error{w.told.Retry(t.Context(), app, "", []string{again.ID.String()}, "http://10.0.0.1/"), w.told.Retry(t.Context(), app, "202603020105", nil, "")} {
		require.True(t, chat.IsKind(bad, chat.Invalid), bad)
	}
	for _, missing := range []error{w.told.Retry(t.Context(), app, "", []string{again.ID.String(), l.ID.String()}, ""), w.told.Retry(t.Context(), app, "202603020110", nil, ""), w.told.Retry(t.Context(), app, "", []string{"x"}, "")} {
		require.True(t, chat.IsKind(missing, chat.NotFound), missing)
	}
	require.NoError(t, w.told.Retry(t.Context(), app, "", []string{again.ID.String()}, elsewhere.URL))
	require.Equal(t, c.raw, w.next(elsewhere).raw)
	w.letters(0)
}

func TestRetryAfterIsObeyed(t *testing.T) {
	w := newWorld(t)
	r := w.receiver(failed)
	rule, _ := w.rule(Change{URL: &r.URL, Attempts: ptr(3)})
	r.Config.Handler = retryAfter(r.Config.Handler, "1800")
	w.tell(w.message("busy", "bob"))
	w.next(r)
	require.Equal(t, 30*time.Minute, w.pass(rule).Round(time.Second))
	w.next(r)
}

func TestDeadLettersAreKeptForAWeek(t *testing.T) {
	w := newWorld(t)
	r := w.receiver(failed)
	rule, _ := w.rule(Change{URL: &r.URL, Attempts: ptr(1)})
	for i := range 3 {
		w.tell(w.message(fmt.Sprint(i), "bob"))
		w.letters(i + 1)
		w.clock.Add(time.Hour)
	}
	list, more, err := w.told.Letters(t.Context(), app, id.ID{}, 2)
	require.NoError(t, err)
	require.True(t, more)
	rest, more, err := w.told.Letters(t.Context(), app, list[1].ID, 2)
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, rest, 1)
	require.True(t, list[0].CreatedAt.Before(list[1].CreatedAt) && list[1].CreatedAt.Before(rest[0].CreatedAt))
	w.clock.Add(7*24*time.Hour - 2*time.Hour)
	w.letters(1)
	w.tell(w.message("the next one", "bob"))
	w.letters(2)
	w.waiting(rule, 0)
	entries := 0
	require.NoError(t, w.store.EachEntry(t.Context(), func(e directory.Entry) error {
		if directory.KindOf(e.Space) == LetterSpaces {
			entries++
		}
		return nil
	}))
	require.Equal(t, 2, entries, "old ones are removed")
}

func TestARuleThatFailsForTooLongIsSwitchedOff(t *testing.T) {
	w := newWorld(t)
	r := w.receiver(failed)
	rule, _ := w.rule(Change{URL: &r.URL, Attempts: ptr(1)})
	fail := func(n int) {
		t.Helper()
		w.tell(w.message("x", "bob"))
		w.next(r)
		w.letters(n)
	}
	fail(1)
	w.clock.Add(2 * time.Minute)
	fail(2)
	w.clock.Add(71 * time.Hour)
	fail(3)
	now, err := w.told.Rule(t.Context(), app, rule.ID.String())
	require.NoError(t, err)
	require.True(t, now.Enabled)

	// One success, and the time begins anew.
	r.answer.Store(well)
	w.tell(w.message("well", "bob"))
	w.next(r)
	w.waiting(rule, 0)
	r.answer.Store(failed)
	fail(4)
	w.clock.Add(2 * time.Minute)
	fail(5)
	w.clock.Add(73 * time.Hour)
	patient, err := w.told.Set(t.Context(), app, rule.ID.String(), Change{Attempts: ptr(12)})
	require.NoError(t, err)
	r2 := w.receiver(failed)
	_, err = w.told.Set(t.Context(), app, rule.ID.String(), Change{URL: &r2.URL})
	require.NoError(t, err)
	w.tell(w.message("waits", "carl"))
	w.next(r2)
	require.Eventually(t, func() bool {
		now, err = w.told.Rule(t.Context(), app, rule.ID.String())
		return err == nil && !now.Enabled
	}, 30*time.Second, 5*time.Millisecond)
	require.Contains(t, now.Reason, "2026-03-0")
	w.letters(6) // what waited
	w.waiting(patient, 0)
	w.tell(w.message("nobody wants it", "bob"))
	w.waiting(rule, 0)
	w.letters(6)

	now, err = w.told.Set(t.Context(), app, rule.ID.String(), Change{Enabled: ptr(true)})
	require.NoError(t, err)
	require.Empty(t, now.Reason)
	w.tell(w.message("x", "bob"))
	w.next(r2)
	w.waiting(rule, 1)
	now, err = w.told.Rule(t.Context(), app, rule.ID.String())
	require.NoError(t, err)
	require.True(t, now.Enabled)
}

// The server dies between the intent and the answer. What was done is told, what was not done is not.
func TestACrashBetweenIntentAndAct(t *testing.T) {
	for _, done := range []bool{true, false} {
		t.Run(fmt.Sprint(done), func(t *testing.T) {
			w := newWorld(t)
			r := w.receiver(well)
			rule, _ := w.rule(Change{URL: &r.URL})
			_, err := w.told.Intend(t.Context(), w.message("hello", "bob"))
			require.NoError(t, err)
			w.done.Store(done)
			w.waiting(rule, 1)
			require.Empty(t, r.calls)
			w.pass(rule)
			w.waiting(rule, 0)
			require.EqualValues(t, 1, w.asked.Load())
			if done {
				w.next(r)
			}
			require.Empty(t, r.calls)
		})
	}
}

func TestWhatWasNotDoneIsNotTold(t *testing.T) {
	w := newWorld(t)
	r := w.receiver(well)
	rule, _ := w.rule(Change{URL: &r.URL})
	for _, outcome := range []error{chat.ErrUndone, chat.ErrForbidden("no")} {
		told, err := w.told.Intend(t.Context(), w.message("hello", "bob"))
		require.NoError(t, err)
		told(outcome)
		w.waiting(rule, 0)
	}
	told, err := w.told.Intend(t.Context(), w.message("hello", "bob"))
	require.NoError(t, err)
	told(chat.ErrUnavailable(nil))
	w.waiting(rule, 1)
}

func TestSecretsAreReplaced(t *testing.T) {
	w := newWorld(t)
	r := w.receiver(well)
	rule, old := w.rule(Change{URL: &r.URL})
	require.GreaterOrEqual(t, len(old), minSecret)
	fresh, err := w.told.RenewSecret(t.Context(), app, rule.ID.String())
	require.NoError(t, err)
	w.tell(w.message("x", "bob"))
	c := w.next(r)
	require.Equal(t, outbound.Sign(w.clock.Now(), []byte(c.raw), fresh, old), c.Get("X-Confab-Signature"))
	w.clock.Add(24 * time.Hour)
	w.tell(w.message("x", "bob"))
	c = w.next(r)
	require.Equal(t, outbound.Sign(w.clock.Now(), []byte(c.raw), fresh), c.Get("X-Confab-Signature"))
	require.NoError(t, w.store.EachEntry(t.Context(), func(e directory.Entry) error {
		require.NotContains(t, string(e.Value), old)
		require.NotContains(t, string(e.Value), fresh)
		return nil
	}))
}

func TestRulesAreChecked(t *testing.T) {
	w := newWorld(t)
	url := "https://example.org/hook"
	for what, c := range map[string]Change{"url missing": {}, "private": {URL: ptr("http://10.0.0.1/")}, "no url": {URL: ptr("x")}, "name": {URL: &url, Name: ptr(strings.Repeat("ä", 101))},
		"events": {URL: &url, Events: &[]chat.ActKind{"x"}}, "few": {URL: &url, Attempts: ptr(0)}, "many": {URL: &url, Attempts: ptr(13)}, "short": {URL: &url, Secret: ptr("123456789012345")},
		"long": {URL: &url, Secret: ptr(strings.Repeat("x", 129))}} {
		_, _, err := w.told.Add(t.Context(), app, "org#app", c)
		require.True(t, chat.IsKind(err, chat.Invalid), what)
	}
	var wg sync.WaitGroup
	var made atomic.Int32
	for range 2 * MaxRules {
		wg.Go(func() {
			if _, _, err := w.told.Add(t.Context(), app, "org#app", Change{URL: &url, Secret: ptr("1234567890123456")}); err == nil {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, MaxRules, made.Load())
	rules, err := w.told.Rules(t.Context(), app)
	require.NoError(t, err)
	require.Len(t, rules, MaxRules)
	require.NoError(t, w.told.Remove(t.Context(), app, rules[0].ID.String()))
	require.True(t, chat.IsKind(w.told.Remove(t.Context(), app, rules[0].ID.String()), chat.NotFound))
	w.rule(Change{URL: &url})
}

// What waits for a rule goes with it, and its dead letters; the app's others stay.
func TestARuleIsRemoved(t *testing.T) {
	w := newWorld(t)
	r, other := w.receiver(failed), w.receiver(failed)
	rule, _ := w.rule(Change{URL: &r.URL, Attempts: ptr(2)})
	stays, _ := w.rule(Change{URL: &other.URL, Attempts: ptr(1)})
	w.tell(w.message("dead", "bob"))
	w.next(r)
	w.pass(rule)
	w.letters(2)
	w.tell(w.message("waits", "bob"))
	w.next(r)
	w.waiting(rule, 1)
	w.letters(3)
	require.NoError(t, w.told.Remove(t.Context(), app, rule.ID.String()))
	for _, l := range w.letters(2) {
		require.Equal(t, stays.ID, l.Rule)
	}
	w.waiting(rule, 0)

	require.NoError(t, w.told.Forget(t.Context(), app))
	require.NoError(t, w.store.EachEntry(t.Context(), func(e directory.Entry) error {
		require.NotContains(t, []directory.Kind{RuleSpaces, LetterSpaces}, directory.KindOf(e.Space))
		return nil
	}))
}

// Events that a server has not told when it stops are told by the next one.
func TestAfterARestart(t *testing.T) {
	w := newWorld(t)
	r := w.receiver(failed)
	rule, _ := w.rule(Change{URL: &r.URL})
	w.tell(w.message("x", "bob"))
	c := w.next(r)
	w.waiting(rule, 1)
	w.stop()
	w.stop = w.start()
	r.answer.Store(well)
	w.pass(rule)
	require.Equal(t, c.raw, w.next(r).raw)
	w.waiting(rule, 0)
}

func TestTooManyEventsAreDeadLetters(t *testing.T) {
	w := newWorld(t)
	r := w.receiver(failed)
	rule, _ := w.rule(Change{URL: &r.URL})
	full := jobs.New(fullOf{w.store}, quiet)
	full.RegisterClass(deliverWork, jobs.Class{Waiting: maxWaiting, Order: orderOf}, w.told.deliver)
	w.told.o.Queue = full
	told, err := w.told.Intend(t.Context(), w.message("x", "bob"))
	require.NoError(t, err)
	require.Equal(t, rule.ID, w.letters(1)[0].Rule)
	told(chat.ErrUndone)
	w.letters(0)
}

func TestKindsOfEvents(t *testing.T) {
	w := newWorld(t)
	r := w.receiver(well)
	w.rule(Change{URL: &r.URL})
	room := chat.Room{ID: w.ids.New(), Name: "_1", Settings: chat.RoomSettings{Kind: chat.ChatRoom, Title: "T"}}
	ann, bob := chat.Person{Login: "1", FirstName: "ann"}, chat.Person{Login: "2", FirstName: "bob"}
	for want, a := range map[string]chat.Act{
		`"operation":"JOIN","operator":"ann","payload":{"member":["bob"],"type":"INVITE"}`:                      {Kind: chat.GroupAct, Deed: chat.DeedJoined, Room: room, By: ann, People: []chat.Person{bob}, Invited: true},
		`"operation":"UPDATE","operator":"@ppAdmin","payload":{"new_owner":"bob","owner":"ann","type":"OWNER"}`: {Kind: chat.GroupAct, Deed: chat.DeedHandedOver, Room: room, People: []chat.Person{ann, bob}},
		`"operation":"MUTE","operator":"@ppAdmin","payload":{"member":["bob"],"type":"ADD"}`:                    {Kind: chat.GroupAct, Deed: chat.DeedMute, On: true, Room: room, People: []chat.Person{bob}},
		`"operation":"UPDATE","operator":"@ppAdmin","payload":{"mute":true,"type":"MUTE"}`:                      {Kind: chat.GroupAct, Deed: chat.DeedSilenced, On: true, Room: room},
		`"payload":{"operation":"ban"}`: {Kind: chat.RosterAct, Deed: chat.DeedBlock, On: true, From: ann, To: bob},
		`"operation":"DEACTIVATE"`:      {Kind: chat.UserAct, Deed: chat.DeedActive, To: ann},
	} {
		a.Tenant = app
		w.tell(a)
		require.Contains(t, w.next(r).raw, want)
	}
	require.NoError(t, w.told.Status(t.Context(), app, ann, chat.Status{Reason: "login", Online: true, Resource: "phone"}))
	c := w.next(r)
	require.Equal(t, []any{"userStatus", "login", "online", "org#app_ann/phone", "ann", "phone"},
		[]any{c.body["kind"], c.body["reason"], c.body["status"], c.body["user"], c.body["username"], c.body["resource"]})
}
