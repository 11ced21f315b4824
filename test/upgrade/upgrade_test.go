// Package upgrade opens data of earlier versions with the real binary.
//
// A folder in testdata is what one version left: a folder of the embedded store, or the statements that make a keyspace,
// and what that version answered to those whose data it was. The binary of today has to open it and to answer the same; it
// may answer more. To keep the data of the present version, before a change of what is stored:
//
//	go build -o /tmp/confab ./cmd/confab
//	go test ./test/upgrade -record /tmp/confab -name v023
package upgrade

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	recorded = flag.String("record", "", "record data with that binary")
	name     = flag.String("name", "", "the name of the version that is recorded")
)

// answersFile has an answer a line.
const answersFile = "answers.jsonl"

// answer is what a version answered to a user.
type answer struct {
	Login string          `json:"login"`
	Path  string          `json:"path"`
	Body  json.RawMessage `json:"body"`
}

// record keeps the data of a version.
func record(t *testing.T) {
	for _, kind := range []string{"embedded", "cassandra"} {
		t.Run("record "+kind, func(t *testing.T) {
			to := filepath.Join("testdata", *name+"-"+kind)
			require.NoError(t, os.MkdirAll(to, 0o755))
			kept := newData(t, kind)
			s := serve(t, *recorded, kept.url())
			answers := fill(t, s)
			s.stop()
			kept.save(to)
			out, err := os.Create(filepath.Join(to, answersFile))
			require.NoError(t, err)
			for _, a := range answers {
				require.NoError(t, json.NewEncoder(out).Encode(a))
			}
			require.NoError(t, out.Close())
		})
	}
}

func TestDataOfEarlierVersions(t *testing.T) {
	if *recorded != "" {
		record(t)
	}
	files, err := filepath.Glob("testdata/*/" + answersFile)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		from := filepath.Dir(file)
		t.Run(filepath.Base(from), func(t *testing.T) {
			_, kind, _ := strings.Cut(filepath.Base(from), "-")
			path, err := built()
			require.NoError(t, err)
			kept := newData(t, kind)
			kept.restore(from)
			var answers []answer
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			for line := range bytes.Lines(raw) {
				var a answer
				require.NoError(t, json.Unmarshal(line, &a))
				answers = append(answers, a)
			}
			for restarted := range 2 {
				s := serve(t, path, kept.url())
				if restarted == 0 {
					same(t, s, answers)
				}
				goesOn(t, s)
				s.stop()
			}
		})
	}
}

// same checks that all answers are given again.
func same(t *testing.T, s *process, answers []answer) {
	users := map[string]*user{}
	for _, a := range answers {
		u := users[a.Login]
		if u == nil {
			u = s.user(t, a.Login)
			users[a.Login] = u
		}
		var before, now any
		require.NoError(t, json.Unmarshal(a.Body, &before))
		require.NoError(t, json.Unmarshal(u.must(http.StatusOK, "GET", a.Path, nil), &now))
		require.NoError(t, covers(now, before), "%s, as %s: %s", a.Path, a.Login, a.Body)
	}
}

// covers reports as an error where now lacks something that before has.
func covers(now, before any) error {
	switch before := before.(type) {
	case map[string]any:
		n, ok := now.(map[string]any)
		if !ok {
			return fmt.Errorf("%v is no object", now)
		}
		for k, v := range before {
			if err := covers(n[k], v); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
		}
	case []any:
		n, ok := now.([]any)
		if !ok || len(n) != len(before) {
			return fmt.Errorf("%v are not %v", now, before)
		}
		for i := range before {
			if err := covers(n[i], before[i]); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
	default:
		if now != before {
			return fmt.Errorf("%v was %v", now, before)
		}
	}
	return nil
}

func TestCovers(t *testing.T) {
	before := map[string]any{"a": []any{map[string]any{"b": "c"}}, "d": nil}
	require.NoError(t, covers(map[string]any{"a": []any{map[string]any{"b": "c", "new": 1.0}}, "e": true}, before))
	require.EqualError(t, covers(map[string]any{"a": []any{map[string]any{"b": "x"}}}, before), "a: 0: b: x was c")
	require.Error(t, covers(map[string]any{"a": []any{}}, before))
	require.Error(t, covers(map[string]any{}, before))
}

// fill makes what a small team has after a year, and returns what the server answers about it.
func fill(t *testing.T, s *process) (answers []answer) {
	ann, bob, carl := s.signUp(t, "ann"), s.signUp(t, "Bob"), s.signUp(t, "carl")
	ann.must(200, "PATCH", "/users/ann", map[string]any{"firstname": "Änn", "bio": "writes <b>much</b>"})
	ann.must(201, "POST", "/rooms", map[string]any{"roomName": "tea", "banner": "☕ & cake"})
	bob.must(201, "POST", "/rooms", map[string]any{"roomName": "Games"})
	carl.must(201, "POST", "/rooms", map[string]any{"roomName": "gone"})
	for _, u := range []*user{bob, carl} {
		u.must(204, "PUT", "/rooms/participant/tea", nil)
	}
	var ids []string
	for i := range 60 {
		u := []*user{ann, bob, carl}[i%3]
		ids = append(ids, u.post("tea", fmt.Sprintf("line %d of %s: **bold**, 😀, \u05e9\u05dc\u05d5\u05dd", i, u.login)))
	}
	ann.must(200, "PATCH", "/messages/tea/"+ids[0], map[string]any{"content": "line 0, changed"})
	ann.must(204, "DELETE", "/messages/tea/"+ids[3], nil)
	for _, u := range []*user{bob, carl} {
		u.must(200, "PUT", "/messages/tea/"+ids[6]+"/reactions/%F0%9F%91%8D", nil)
	}
	bob.must(201, "POST", "/messages/tea", map[string]any{"content": "as you said", "replyTo": ids[9]})
	bob.must(204, "PUT", "/rooms/tea/read", map[string]any{"messageId": ids[29]})
	bob.must(204, "PUT", "/rooms/Games/mute", map[string]any{"muted": true})
	bob.post("Games", "alone here")
	carl.must(204, "PATCH", "/rooms/participant/tea", nil)
	carl.must(204, "DELETE", "/rooms/gone", nil)
	for _, u := range []*user{ann, bob} {
		for _, path := range []string{
			"/users/" + u.login, "/users/" + u.login + "/rooms", "/rooms/tea", "/rooms/tea/participants", "/messages/tea?fetchSize=200",
			"/messages/tea?fetchSize=7&before=" + ids[40], "/messages/tea?fetchSize=9&after=" + ids[3], "/messages/tea?fetchSize=9&around=" + ids[20],
			"/messages/tea/changes", "/messages/tea/" + ids[6], "/messages/Games",
		} {
			status, body := u.send("GET", path, nil)
			if status == http.StatusOK {
				answers = append(answers, answer{u.login, path, body})
			}
		}
	}
	require.Greater(t, len(answers), 18)
	return answers
}

// goesOn checks that what there is can be used: people log in, write, change and leave.
func goesOn(t *testing.T, s *process) {
	ann, carl := s.user(t, "ann"), s.user(t, "carl")
	carl.must(204, "PUT", "/rooms/participant/tea", nil)
	posted := carl.post("tea", "back again")
	var page struct {
		Messages []struct {
			ID string `json:"messageId"`
		} `json:"messages"`
	}
	require.NoError(t, json.Unmarshal(ann.must(200, "GET", "/messages/tea?fetchSize=1", nil), &page))
	require.Equal(t, posted, page.Messages[0].ID)
	carl.must(204, "DELETE", "/messages/tea/"+posted, nil)
	carl.must(204, "PATCH", "/rooms/participant/tea", nil)
	status, _ := s.user(t, "").send("POST", "/users", map[string]any{"login": "bob", "password": "pw of a user", "firstname": "F", "lastname": "L"})
	require.Equal(t, http.StatusConflict, status, "a name that was taken is taken")
	status, _ = ann.send("GET", "/rooms/gone", nil)
	require.Equal(t, http.StatusNotFound, status)
}
