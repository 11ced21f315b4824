package adminapi

import (
	"net/http"
	"net/url"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/audit"
	"github.com/confab-chat/confab/pkg/auth"
	"github.com/confab-chat/confab/pkg/chat"
)

func (a *admin) botRoutes() []api.Route {
	return []api.Route{
		{Path: "/bots", Operations: api.Operations{
			"POST": {ID: "createBot", Serve: a.createBot, Body: api.JSON, Answers: api.Is(201, 409, 422)},
		}},
		{Path: "/bots/{login}", Operations: api.Operations{
			"GET":    {ID: "getBot", Serve: a.getBot, Answers: api.Is(200, 404, 410)},
			"DELETE": {ID: "deleteBot", Serve: a.deleteBot, Answers: api.Is(204, 404, 410)},
		}},
		{Path: "/bots/{login}/tokens", Operations: api.Operations{
			"GET":  {ID: "listBotTokens", Serve: a.listBotTokens, Answers: api.Is(200, 404, 410)},
			"POST": {ID: "createBotToken", Serve: a.createBotToken, Secret: true, Body: api.JSON, Answers: api.Is(201, 404, 409, 410, 422)},
		}},
		{Path: "/bots/{login}/tokens/{token}", Operations: api.Operations{
			"GET":    {ID: "getBotToken", Serve: a.getBotToken, Answers: api.Is(200, 404, 410)},
			"DELETE": {ID: "deleteBotToken", Serve: a.deleteBotToken, Answers: api.Is(204, 404, 410)},
		}},
	}
}

// createBot makes an account without a password: it cannot log in, only tokens act for it.
func (a *admin) createBot(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Login     *string `json:"login"`
		FirstName *string `json:"firstname"`
		LastName  *string `json:"lastname"`
	}
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	u, err := a.Chat.CreateAccount(r.Context(), chat.DefaultTenant, chat.NewAccount{Login: b.Login, Bot: true,
		Profile: chat.Profile{FirstName: b.FirstName, LastName: b.LastName}})
	if err != nil {
		return err
	}
	a.record(r, audit.AccountCreated, u.Login, "a bot")
	w.Header().Set("Location", Prefix+"/bots/"+url.PathEscape(u.Login))
	return write(w, http.StatusCreated, userOf(u.User))
}

// bot returns the bot that a request names.
func (a *admin) bot(r *http.Request) (chat.User, chat.Identity, error) {
	return a.People.Bot(r.Context(), api.Variable(r, "login"))
}

func (a *admin) getBot(w http.ResponseWriter, r *http.Request) error {
	u, _, err := a.bot(r)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, userOf(u))
}

func (a *admin) deleteBot(w http.ResponseWriter, r *http.Request) error {
	_, bot, err := a.bot(r)
	if err != nil {
		return err
	}
	return a.done(w, r, a.Accounts.Delete(r.Context(), a.Chat, bot, bot.Login), audit.AccountDeleted, bot.Login, "a bot")
}

func (a *admin) listBotTokens(w http.ResponseWriter, r *http.Request) error {
	if _, _, err := a.bot(r); err != nil {
		return err
	}
	return a.listTokens(w, r)
}

func (a *admin) getBotToken(w http.ResponseWriter, r *http.Request) error {
	if _, _, err := a.bot(r); err != nil {
		return err
	}
	return a.getToken(w, r)
}

func (a *admin) deleteBotToken(w http.ResponseWriter, r *http.Request) error {
	if _, _, err := a.bot(r); err != nil {
		return err
	}
	return a.deleteToken(w, r)
}

type newTokenAnswer struct {
	tokenAnswer
	Token string `json:"token"`
}

// createBotToken makes a token of a bot. The answer alone has its secret.
func (a *admin) createBotToken(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Name      *string   `json:"name"`
		Scopes    *[]string `json:"scopes"`
		ExpiresIn *int64    `json:"expiresIn"`
	}
	if err := api.ReadJSON(w, r, &b); err != nil {
		return err
	}
	u, bot, err := a.bot(r)
	if err == nil && u.Disabled {
		err = &chat.Error{Kind: chat.Conflict, Message: "this bot is disabled: enable it first"}
	}
	if err != nil {
		return err
	}
	secret, t, err := a.Personal.CreateFor(r.Context(), bot, auth.NewToken{Name: b.Name, Scopes: b.Scopes, ExpiresIn: b.ExpiresIn})
	if err != nil {
		return err
	}
	a.record(r, audit.TokenCreated, bot.Login, t.Label())
	w.Header().Set("Location", Prefix+"/bots/"+url.PathEscape(bot.Login)+"/tokens/"+t.PublicID())
	return write(w, http.StatusCreated, newTokenAnswer{tokenOf(t), secret})
}
