package auth

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/confab-chat/confab/pkg/chat"
)

// Scopes of a personal token: what it opens beside reading, which every token does.
const (
	ReadScope   = "read"
	PostScope   = "post"
	ManageScope = "manage"
	AdminScope  = "admin"
)

const (
	// personalPrefix is how the secrets of personal tokens begin.
	personalPrefix = "cfp_"
	// maxPersonal is how many personal tokens of one user may be good at the same time.
	maxPersonal = 50
	// personalFor is how long a personal token is good for, if not said; maxExpiresIn is the longest time that may be said.
	personalFor  = 90 * 24 * time.Hour
	maxExpiresIn = 315_360_000
	maxTokenName = 64
	// usedEvery is how exactly the last use of a token is noted.
	usedEvery = time.Minute
)

// PublicID names a token to its owner. The secret cannot be found from it.
func (a APIToken) PublicID() string { return publicID(a.Hash) }

// Label is what audit trails call a token: its PublicID, name and scopes.
func (a APIToken) Label() string {
	return strings.TrimSpace(a.PublicID() + " " + a.Name + " (" + cmp.Or(a.Scopes, "everything") + ")")
}

// NewToken is a personal token to make. Nil members are absent.
type NewToken struct {
	Name     *string
	Password *string // of the user, again
	Scopes   *[]string
	// ExpiresIn is in seconds; 0 is for ever.
	ExpiresIn *int64
}

// validate returns all faults of the token, and its scopes. That of a bot needs no password.
func (n NewToken) validate(bot bool) (scopes []string, faults []chat.Fault) {
	add := func(field, message string) { faults = append(faults, chat.Fault{Field: field, Message: message}) }
	if n.Name == nil || *n.Name == "" || utf8.RuneCountInString(*n.Name) > maxTokenName || strings.ContainsRune(*n.Name, 0) {
		add("name", fmt.Sprintf("size must be between 1 and %d", maxTokenName))
	}
	if !bot && (n.Password == nil || *n.Password == "") {
		add("password", "may not be empty")
	}
	if n.ExpiresIn != nil && (*n.ExpiresIn < 0 || *n.ExpiresIn > maxExpiresIn) {
		add("expiresIn", fmt.Sprintf("must be between 0 and %d seconds", maxExpiresIn))
	}
	scopes = []string{PostScope, ReadScope}
	if n.Scopes != nil {
		scopes = slices.Compact(slices.Sorted(slices.Values(*n.Scopes)))
	}
	for _, s := range scopes {
		if !slices.Contains([]string{ReadScope, PostScope, ManageScope, AdminScope}, s) {
			scopes = nil
		}
	}
	if len(scopes) == 0 {
		add("scopes", `must be some of "read", "post", "manage" and "admin"`)
	}
	return scopes, faults
}

// Personal makes, lists and deletes the tokens that users make for their programs. It may be used concurrently.
type Personal struct {
	store    TokenStore
	tokens   *Tokens
	accounts *Accounts
	officers *Officers
	epochs   Epochs
	now      func() time.Time

	making sync.Mutex // so that one server makes no token too many
}

// NewPersonal returns the personal tokens of a store.
func NewPersonal(store TokenStore, tokens *Tokens, accounts *Accounts, officers *Officers, epochs Epochs, now func() time.Time) *Personal {
	return &Personal{store: store, tokens: tokens, accounts: accounts, officers: officers, epochs: epochs, now: now}
}

// Create makes a token of who, and returns its secret, which nobody sees again. Invalid with all faults; Forbidden for a
// wrong password, which counts as a failed login, and for the scope AdminScope of who is no administrator; Conflict if who
// has as many as one may have.
func (p *Personal) Create(ctx context.Context, who chat.Identity, n NewToken, address string) (secret string, a APIToken, err error) {
	scopes, faults := n.validate(false)
	if err := chat.Faulty("token", faults); err != nil {
		return "", a, err
	}
	if slices.Contains(scopes, AdminScope) {
		if err := p.officers.Admit(ctx, who); err != nil {
			return "", a, err
		}
	}
	l, err := p.accounts.LogIn(ctx, who.Tenant, who.Login, *n.Password, From{Address: address, Known: true})
	if chat.IsKind(err, chat.Unauthenticated) {
		err = chat.ErrForbidden("the password is wrong")
	}
	if err != nil {
		return "", a, err
	}
	return p.make(ctx, who, n, scopes, l.Epoch)
}

// CreateFor makes a token of a bot, as Create does; the caller has checked that an administrator asks.
func (p *Personal) CreateFor(ctx context.Context, bot chat.Identity, n NewToken) (secret string, a APIToken, err error) {
	scopes, faults := n.validate(true)
	if err := chat.Faulty("token", faults); err != nil {
		return "", a, err
	}
	if slices.Contains(scopes, AdminScope) {
		if err := p.officers.Admit(ctx, bot); err != nil {
			return "", a, err
		}
	}
	epoch, err := p.epochs.Epoch(ctx, bot)
	if err != nil {
		return "", a, err
	}
	return p.make(ctx, bot, n, scopes, epoch)
}

// make makes a token that has no faults.
func (p *Personal) make(ctx context.Context, who chat.Identity, n NewToken, scopes []string, epoch string) (secret string, a APIToken, err error) {
	p.making.Lock()
	defer p.making.Unlock()
	list, err := p.List(ctx, who)
	if err != nil {
		return "", a, err
	}
	if len(list) >= maxPersonal {
		return "", a, &chat.Error{Kind: chat.Conflict, Entity: "token", Message: fmt.Sprintf("a user has at most %d tokens: delete one first", maxPersonal)}
	}
	a = APIToken{Kind: PersonalToken, Tenant: who.Tenant, Login: who.Login, Name: *n.Name, Scopes: strings.Join(scopes, " "), Bound: true, Epoch: epoch}
	switch seconds := n.ExpiresIn; {
	case seconds == nil:
		a.ExpiresAt = p.now().Add(personalFor).UTC().Truncate(time.Millisecond)
	case *seconds > 0:
		a.ExpiresAt = p.now().Add(time.Duration(*seconds) * time.Second).UTC().Truncate(time.Millisecond)
	}
	return p.tokens.Issue(ctx, personalPrefix, a)
}

// List returns the personal tokens of who that are good, the newest first.
func (p *Personal) List(ctx context.Context, who chat.Identity) ([]APIToken, error) {
	all, err := p.store.TokensOf(ctx, who.Tenant, who.Login, perUser)
	if err != nil {
		return nil, err
	}
	epoch, err := p.epochs.Epoch(ctx, who)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(a APIToken) bool { return a.Kind != PersonalToken || a.Bound && a.Epoch != epoch })
	newestFirst(all)
	return all, nil
}

func newestFirst(all []APIToken) {
	slices.SortFunc(all, func(a, b APIToken) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.PublicID(), b.PublicID()))
	})
}

// withID returns the token with a PublicID; NotFound if there is none.
func withID(all []APIToken, id string) (APIToken, error) {
	for _, a := range all {
		if a.PublicID() == id {
			return a, nil
		}
	}
	return APIToken{}, chat.ErrNotFound("token", id)
}

// Get returns the token of who with a PublicID; NotFound if there is none.
func (p *Personal) Get(ctx context.Context, who chat.Identity, id string) (APIToken, error) {
	all, err := p.List(ctx, who)
	if err != nil {
		return APIToken{}, err
	}
	return withID(all, id)
}

// Delete ends a token of who, and returns what it was; NotFound if there is none. The next request with it is refused.
func (p *Personal) Delete(ctx context.Context, who chat.Identity, id string) (APIToken, error) {
	a, err := p.Get(ctx, who, id)
	if err != nil {
		return a, err
	}
	return a, p.tokens.Delete(ctx, a.Hash)
}
