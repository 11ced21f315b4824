package stomp

import (
	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/live"
)

// maxSubscriptions bounds the subscriptions of a connection.
const maxSubscriptions = 1000

func (c *conn) subscribe(f *frame, receipt string) error {
	rawID, hasID := f.raw("id")
	name, _, err := f.get("id")
	if err != nil {
		return err
	}
	if !hasID && c.version > v10 {
		return protocolError("SUBSCRIBE without id")
	}
	dest, _, err := f.get("destination")
	if err != nil {
		return err
	}
	kind, room, ok := parseDestination(dest, c.extra)
	if !ok {
		return protocolError("unknown destination")
	}
	after, resumes, err := parseAfter(f, kind)
	if err != nil {
		return err
	}
	skip, err := parseSkip(f, kind)
	if err != nil {
		return err
	}
	if !c.extra && !chat.Chosen(room) {
		return chat.ErrNotFound(chat.RoomEntity, room) // KillrChat has open rooms only
	}
	if err := c.mayAdd(name, hasID); err != nil {
		return err
	}
	if may := c.srv.opts.MaySubscribe; may != nil {
		if err := may(c.login.Identity); err != nil {
			return err
		}
	}
	s := &subscription{conn: c, id: name, dest: dest, line: c.enc.subscriptionLine(rawID, hasID), skip: skip}

	ctx, cancel := c.context()
	defer cancel()
	if kind == live.User {
		if s.live, err = c.srv.opts.Hub.SubscribeUser(ctx, c.login.Identity, s); err != nil {
			return err
		}
	} else if s.live, err = c.srv.opts.Hub.Subscribe(ctx, c.login.Identity, room, kind, s, resumes); err != nil {
		return err
	}
	if !c.add(s) {
		s.live.End()
		return nil
	}
	if !resumes {
		if receipt != "" {
			c.send(receiptFrame(receipt))
		}
		return nil
	}
	missed, recovered := c.srv.opts.Hub.Replay(ctx, s.live, after)
	defer s.live.Replayed(missed)
	if receipt != "" {
		c.send(recoveredReceipt(receipt, recovered))
	}
	for d, err := range missed.Each(c.srv.ctx) {
		if err != nil {
			c.srv.log.Warn("a replay was broken off", "login", c.login.Login, "error", err)
			s.Lost()
			break
		}
		if !s.wants(d) {
			continue
		}
		if !c.sendPatiently(entry{enc: d.As(c.enc), sub: s}) {
			break
		}
	}
	return nil
}

func recoveredReceipt(receipt string, recovered bool) string {
	answer := "false"
	if recovered {
		answer = "true"
	}
	return "RECEIPT\nreceipt-id:" + receipt + "\nrecovered:" + answer + "\n\n\x00"
}

// parseAfter reads the position to resume from. Only messages can be resumed.
func parseAfter(f *frame, kind live.Kind) (after id.ID, resumes bool, err error) {
	v, has, err := f.get("after")
	if err != nil || !has || kind != live.Messages {
		return id.ID{}, false, err
	}
	if after, err = id.Parse(v); err != nil {
		return id.ID{}, false, protocolError("after is not a message id")
	}
	return after, true, nil
}

func (c *conn) mayAdd(name string, hasID bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if most := c.srv.opts.Subscriptions; len(c.subs) >= maxSubscriptions || most > 0 && c.account.subs.Load() >= int64(most) {
		return protocolError("too many subscriptions")
	}
	for _, s := range c.subs {
		if hasID && s.id == name {
			return protocolError("subscription id in use")
		}
	}
	return nil
}

// add adds s to the list. It returns false if the connection has ended.
func (c *conn) add(s *subscription) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return false
	}
	if !s.ended {
		c.subs = append(c.subs, s)
		c.account.subs.Add(1)
		if s.skip {
			c.skips++
		}
	}
	return true
}

func (c *conn) unsubscribe(f *frame) error {
	name, hasID, err := f.get("id")
	if err != nil {
		return err
	}
	dest, _, err := f.get("destination")
	if err != nil {
		return err
	}
	if !hasID && (c.version > v10 || dest == "") {
		return protocolError("UNSUBSCRIBE without id")
	}
	var out []*subscription
	c.mu.Lock()
	for _, s := range c.subs {
		if hasID && s.id == name || !hasID && s.dest == dest {
			out = append(out, s)
		}
	}
	for _, s := range out {
		c.drop(s)
		s.dropped.Store(true)
	}
	c.mu.Unlock()
	// An unknown id is not an error: it may be of a subscription that the server has ended.
	for _, s := range out {
		s.live.End()
	}
	return nil
}
