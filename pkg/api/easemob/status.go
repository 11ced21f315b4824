package easemob

import "net/http"

// maxStatuses is of how many users one call asks the status.
const maxStatuses = 100

func word(online bool) string {
	if online {
		return "online"
	}
	return "offline"
}

func (a *API) status(c *call) error {
	u, err := c.user()
	if err != nil {
		return err
	}
	login := u.Identity().Login
	return c.reply(answer{data: map[string]string{u.Name: word(a.Live.ConnectedOf(c.tenant(), []string{login})[login])}})
}

func (a *API) batchStatus(c *call) error {
	if c.variable("user") != "batch" {
		c.w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		return &problem{status: http.StatusMethodNotAllowed, word: "method_not_allowed", text: "the status of a user is read with GET"}
	}
	f, err := c.object()
	if err != nil {
		return err
	}
	asked, err := f.list("usernames", maxStatuses)
	if err != nil {
		return err
	}
	if len(asked) == 0 {
		return illegal("usernames has to be an array of names")
	}
	found, err := c.lookUp(asked)
	if err != nil {
		return err
	}
	logins := make([]string, len(asked)) // empty for nobody
	for i, u := range found {
		if u != nil {
			logins[i] = u.Identity().Login
		}
	}
	online := a.Live.ConnectedOf(c.tenant(), logins)
	rows := make([]map[string]string, len(asked))
	for i, name := range asked {
		rows[i] = map[string]string{name: word(online[logins[i]])}
	}
	return c.reply(answer{action: "get batch user status", data: rows})
}
