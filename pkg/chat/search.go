package chat

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/confab-chat/confab/pkg/guard"
)

// MaxFound is the maximum number of rooms, and of people, that a search finds.
const MaxFound = 20

// Found is what a search found: first what is called exactly so, then by name, regardless of case.
type Found struct {
	Rooms  []RoomView
	People []Person
}

// Search returns rooms whose name, and people whose login, begins with word: at most limit of each, and at most MaxFound.
// The case counts in so far as the word is looked for as it is, in small letters, in capitals, and with a capital first.
// An empty word finds nothing. A search costs the same however many rooms and people there are: names are sorted, so it
// reads limit of them for each spelling.
func (s *Service) Search(ctx context.Context, t Tenant, word string, limit int) (Found, error) {
	limit = min(limit, MaxFound)
	var f Found
	if word == "" || len(word) > MaxName || strings.Trim(word, nameLetters) != "" {
		return f, nil
	}
	spellings := spellingsOf(word)
	rooms, people := make([][]Room, len(spellings)), make([][]Person, len(spellings))
	var sameRooms map[string]Room
	var sameUsers map[string]User
	g, gctx := guard.WithContext(ctx)
	g.Go(func() (err error) {
		sameRooms, err = s.store.RoomsByName(gctx, t, validNames(spellings))
		return err
	})
	g.Go(func() (err error) {
		sameUsers, err = s.store.UsersByLogin(gctx, t, spellings)
		return err
	})
	for i, spelling := range spellings {
		g.Go(func() (err error) {
			rooms[i], err = s.store.Rooms(gctx, t, spelling, limit)
			return err
		})
		g.Go(func() (err error) {
			people[i], err = s.store.Users(gctx, t, spelling, limit)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return f, err
	}
	var rs []Room
	for i, spelling := range spellings {
		if r, ok := sameRooms[spelling]; ok {
			rs = append(rs, r)
		}
		if u, ok := sameUsers[spelling]; ok {
			f.People = append(f.People, u.Person)
		}
		rs = append(rs, beginning(rooms[i], spelling, func(r Room) string { return r.Name })...)
		f.People = append(f.People, beginning(people[i], spelling, func(p Person) string { return p.Login })...)
	}
	f.People = best(f.People, limit, func(p Person) string { return p.Login })
	var err error
	f.Rooms, err = s.views(ctx, t, best(rs, limit, func(r Room) string { return r.Name }))
	return f, err
}

// nameLetters are the characters of which names are made, see ValidName.
const nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

func spellingsOf(word string) []string {
	lower := strings.ToLower(word)
	all := []string{word, lower, strings.ToUpper(word), strings.ToUpper(lower[:1]) + lower[1:]}
	slices.Sort(all)
	return slices.Compact(all)
}

// beginning returns those of a sorted list that begin with a prefix, which are the first ones.
func beginning[T any](list []T, prefix string, name func(T) string) []T {
	for i, v := range list {
		if !strings.HasPrefix(name(v), prefix) {
			return list[:i]
		}
	}
	return list
}

// best sorts what was found, each once, and returns the first limit.
func best[T any](found []T, limit int, name func(T) string) []T {
	slices.SortFunc(found, func(a, b T) int {
		x, y := name(a), name(b)
		// What is called exactly so is the shortest, and it comes before what goes on with a character below the letters.
		return cmp.Or(strings.Compare(strings.ToLower(x), strings.ToLower(y)), strings.Compare(x, y))
	})
	found = slices.CompactFunc(found, func(a, b T) bool { return name(a) == name(b) })
	return found[:min(limit, len(found))]
}
