package easemob

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/confab-chat/confab/pkg/callbacks"
	"github.com/confab-chat/confab/pkg/chat"
)

// callbacks are the routes of the rules by which the app's own server is told what happens, and of dead letters.
func (a *API) callbacks() []route {
	return []route{
		{path: "/callbacks/rules", collection: true, methods: map[string]operation{
			"GET":  {by: byApp, serve: a.listRules},
			"POST": {by: byApp, serve: a.addRule, secret: true},
		}},
		{path: "/callbacks/rules/{rule}", methods: map[string]operation{
			"GET":    {by: byApp, serve: a.getRule},
			"PUT":    {by: byApp, serve: a.putRule},
			"DELETE": {by: byApp, serve: a.deleteRule},
		}},
		{path: "/callbacks/rules/{rule}/secret", methods: map[string]operation{"POST": {by: byApp, serve: a.renewSecret, secret: true}}},
		{path: "/callbacks/storage", collection: true, methods: map[string]operation{"GET": {by: byApp, serve: a.listLetters}}},
		{path: "/callbacks/storage/info", methods: map[string]operation{"GET": {by: byApp, serve: a.countLetters}}},
		{path: "/callbacks/storage/retry", methods: map[string]operation{"POST": {by: byApp, serve: a.retryLetters}}},
	}
}

func ruleOf(r callbacks.Rule) map[string]any {
	out := map[string]any{"id": r.ID.String(), "url": r.URL, "name": r.Name, "events": append([]chat.ActKind{}, r.Events...), "attempts": r.Attempts,
		"enabled": r.Enabled, "created": r.CreatedAt().UnixMilli()}
	if len(r.Events) == 0 {
		out["events"] = chat.ActKinds
	}
	if r.Reason != "" {
		out["disabled_reason"] = r.Reason
	}
	return out
}

// ruleChange reads what a body sets of a rule.
func (c *call) ruleChange() (out callbacks.Change, err error) {
	f, err := c.object()
	if err != nil {
		return out, err
	}
	in, err := f.texts("url", "name", "secret")
	if err != nil {
		return out, err
	}
	out.URL, out.Name, out.Secret = in["url"], in["name"], in["secret"]
	if f.has("events") {
		names, err := f.list("events", 100)
		if err != nil {
			return out, err
		}
		kinds := make([]chat.ActKind, len(names))
		for i, n := range names {
			kinds[i] = chat.ActKind(n)
		}
		out.Events = &kinds
	}
	attempts, err := f.number("attempts")
	if err != nil {
		return out, err
	}
	if attempts != nil {
		n := int(min(max(*attempts, 0), callbacks.MaxAttempts+1))
		out.Attempts = &n
	}
	out.Enabled, err = f.flag("enabled")
	return out, err
}

func (a *API) listRules(c *call) error {
	rules, err := a.Callbacks.Rules(c.ctx(), c.tenant())
	if err != nil {
		return err
	}
	rows := make([]any, len(rules))
	for i, r := range rules {
		rows[i] = ruleOf(r)
	}
	return c.reply(answer{data: rows, count: counted(len(rows))})
}

func (a *API) addRule(c *call) error {
	in, err := c.ruleChange()
	if err != nil {
		return err
	}
	r, secret, err := a.Callbacks.Add(c.ctx(), c.tenant(), c.org.Name+"#"+c.app.Name, in)
	if err != nil {
		return err
	}
	out := ruleOf(r)
	out["secret"] = secret
	return c.reply(answer{data: out})
}

func (a *API) getRule(c *call) error {
	r, err := a.Callbacks.Rule(c.ctx(), c.tenant(), c.variable("rule"))
	if err != nil {
		return err
	}
	return c.reply(answer{data: ruleOf(r)})
}

func (a *API) putRule(c *call) error {
	in, err := c.ruleChange()
	if err != nil {
		return err
	}
	if in.Secret != nil {
		return illegal("a secret is replaced with POST %s/secret", c.path())
	}
	r, err := a.Callbacks.Set(c.ctx(), c.tenant(), c.variable("rule"), in)
	if err != nil {
		return err
	}
	return c.reply(answer{data: ruleOf(r)})
}

func (a *API) deleteRule(c *call) error {
	r, err := a.Callbacks.Rule(c.ctx(), c.tenant(), c.variable("rule"))
	if err == nil {
		err = a.Callbacks.Remove(c.ctx(), c.tenant(), c.variable("rule"))
	}
	if err != nil {
		return err
	}
	return c.reply(answer{data: ruleOf(r)})
}

func (a *API) renewSecret(c *call) error {
	secret, err := a.Callbacks.RenewSecret(c.ctx(), c.tenant(), c.variable("rule"))
	if err != nil {
		return err
	}
	return c.reply(answer{data: map[string]any{"id": c.variable("rule"), "secret": secret}})
}

func (a *API) listLetters(c *call) error {
	p, err := c.page(10, 100)
	if err != nil {
		return err
	}
	letters, more, err := a.Callbacks.Letters(c.ctx(), c.tenant(), p.id(), p.limit)
	if err != nil {
		return err
	}
	list := make([]any, len(letters))
	for i, l := range letters {
		list[i] = map[string]any{"id": l.ID.String(), "callId": l.CallID, "rule": l.Rule.String(), "kind": l.Kind, "created": l.CreatedAt.UnixMilli(),
			"attempts": l.Attempts, "last_status": l.Status, "last_error": l.Error}
	}
	x := rows(list)
	if more {
		x.cursor = c.cursor(letters[len(letters)-1].ID.String())
	}
	return c.reply(x)
}

func (a *API) countLetters(c *call) error {
	windows, err := a.Callbacks.Windows(c.ctx(), c.tenant())
	if err != nil {
		return err
	}
	rows := make([]any, len(windows))
	for i, w := range windows {
		rows[i] = map[string]any{"date": w.Date, "size": w.Size, "retry": 0}
	}
	return c.reply(answer{data: rows, count: counted(len(rows))})
}

// retryLetters tries dead letters anew. "retry" says to the vendor whether that was done before, and means nothing here.
func (a *API) retryLetters(c *call) error {
	f, err := c.object()
	if err != nil {
		return err
	}
	if f["date"].Kind() == '0' {
		f["date"] = jsontext.Value(`"` + string(f["date"]) + `"`)
	}
	in, err := f.texts("date", "targetUrl")
	if err != nil {
		return err
	}
	ids, err := f.list("ids", callbacks.MaxRetried)
	if err != nil {
		return err
	}
	date, url := "", ""
	if in["date"] != nil {
		date = *in["date"]
	}
	if in["targetUrl"] != nil {
		url = *in["targetUrl"]
	}
	if (date == "") == (len(ids) == 0) {
		return illegal("either date or ids must be provided")
	}
	if err := a.Callbacks.Retry(c.ctx(), c.tenant(), date, ids, url); err != nil {
		return err
	}
	return c.reply(answer{data: "success"})
}
