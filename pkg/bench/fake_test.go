package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/confab-chat/confab/pkg/id"
)

// fake is a server that speaks as much of the chat API as a load needs, and can
// be made to fail.
type fake struct {
	*httptest.Server
	mux      *http.ServeMux
	mu       sync.Mutex
	users    map[string]string // login: password
	rooms    map[string][]stored
	members  map[string]bool       // room/login
	subs     map[string][]net.Conn // by room
	deleted  []string
	sockets  sync.WaitGroup
	conns    []net.Conn
	numbered int
	guesses  atomic.Int64 // logins that failed
	ids      *id.Generator
	files    []int64 // sizes
	short    int64   // by how much they are too short when they are read

	lose    func(n int) bool // is the n-th message forgotten?
	deliver func(n int) int  // how often it is delivered to the first subscriber
	refuse  func(n int) bool
}

type stored struct {
	ID      string `json:"messageId"`
	Content string `json:"content"`
	System  bool   `json:"systemMessage"`
}

func newFake(t *testing.T) *fake {
	f := &fake{
		ids:   id.NewGenerator(time.Now),
		users: map[string]string{}, rooms: map[string][]stored{}, members: map[string]bool{}, subs: map[string][]net.Conn{},
		lose: func(int) bool { return false }, deliver: func(int) int { return 1 }, refuse: func(int) bool { return false },
	}
	m := http.NewServeMux()
	f.mux = m
	m.HandleFunc("POST /api/chat/v1/users", f.signUp)
	m.HandleFunc("POST /api/chat/v1/authenticate", f.login)
	m.HandleFunc("POST /api/chat/v1/rooms/{room}", f.known(f.create))
	m.HandleFunc("PUT /api/chat/v1/rooms/participant/{room}", f.known(f.join))
	m.HandleFunc("DELETE /api/chat/v1/rooms/{room}", f.known(f.remove))
	m.HandleFunc("POST /api/chat/v1/messages/{room}", f.known(f.post))
	m.HandleFunc("GET /api/chat/v1/messages/{room}", f.known(f.page))
	m.HandleFunc("POST /api/chat/v1/rooms/{room}/files", f.upload)
	m.HandleFunc("GET /api/chat/v1/files/{file}", f.file)
	m.HandleFunc("GET /api/chat/v1/stomp", f.known(f.stomp))
	f.Server = httptest.NewServer(m)
	t.Cleanup(func() {
		f.Close()
		f.mu.Lock()
		for _, c := range f.conns {
			_ = c.Close()
		}
		f.mu.Unlock()
		f.sockets.Wait()
		http.DefaultClient.CloseIdleConnections()
	})
	return f
}

func (f *fake) signUp(w http.ResponseWriter, r *http.Request) {
	var u struct{ Login, Password, Firstname, Lastname string }
	f.mu.Lock()
	defer f.mu.Unlock()
	if json.NewDecoder(r.Body).Decode(&u) != nil || len(u.Login) > 31 || u.Password == "" || u.Firstname == "" || u.Lastname == "" {
		http.Error(w, "bad user", 400)
		return
	}
	f.users[u.Login] = u.Password
	w.WriteHeader(201)
	_, _ = w.Write([]byte(`{}`))
}

func (f *fake) login(w http.ResponseWriter, r *http.Request) {
	var c struct{ Login, Password string }
	_ = json.NewDecoder(r.Body).Decode(&c)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users[c.Login] != c.Password {
		f.guesses.Add(1)
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: "session", Value: c.Login, HttpOnly: true})
	w.WriteHeader(204)
}

func (f *fake) known(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		c, err := r.Cookie("session")
		if err != nil || f.users[c.Value] == "" {
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		h(w, r)
	}
}

func (f *fake) create(w http.ResponseWriter, r *http.Request) {
	f.rooms[r.PathValue("room")] = []stored{{ID: f.ids.New().String(), System: true}}
	f.members[member(r)] = true
	w.WriteHeader(201)
	_, _ = w.Write([]byte(`{}`))
}

func (f *fake) join(w http.ResponseWriter, r *http.Request) {
	if f.rooms[r.PathValue("room")] == nil {
		w.WriteHeader(404)
		return
	}
	f.members[member(r)] = true
	w.WriteHeader(204)
}

func (f *fake) remove(w http.ResponseWriter, r *http.Request) {
	delete(f.rooms, r.PathValue("room"))
	f.deleted = append(f.deleted, r.PathValue("room"))
	w.WriteHeader(204)
}

func (f *fake) post(w http.ResponseWriter, r *http.Request) {
	var m stored
	room := r.PathValue("room")
	if !f.members[member(r)] {
		w.WriteHeader(403)
		return
	}
	if json.NewDecoder(r.Body).Decode(&m) != nil || f.rooms[room] == nil {
		http.Error(w, "bad message", 400)
		return
	}
	n := f.numbered
	f.numbered++
	if f.refuse(n) {
		http.Error(w, "refused", http.StatusServiceUnavailable)
		return
	}
	m.ID = f.ids.New().String()
	if !f.lose(n) {
		f.rooms[room] = append(f.rooms[room], m)
	}
	w.Header().Set("Location", "/"+m.ID)
	w.WriteHeader(201)
	_ = json.NewEncoder(w).Encode(m)
	body, _ := json.Marshal(m)
	for i, c := range f.subs[room] {
		times := 1
		if i == 0 {
			times = f.deliver(n)
		}
		for range times {
			frame := fmt.Sprintf("MESSAGE\nsubscription:0\ncontent-length:%d\n\n%s\x00", len(body), body)
			// A frame may come in two messages, and a heart-beat before it.
			_ = wsutil.WriteServerText(c, []byte("\n"+frame[:20]))
			_ = wsutil.WriteServerText(c, []byte(frame[20:]))
		}
	}
}

// upload is not under the lock: uploads go on at the same time.
func (f *fake) upload(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil || !f.members[member(r)] {
		w.WriteHeader(403)
		return
	}
	file := fmt.Sprint("file-", len(f.files))
	f.files = append(f.files, n)
	w.WriteHeader(201)
	_ = json.NewEncoder(w).Encode(map[string]any{"id": file, "size": n})
}

func (f *fake) file(w http.ResponseWriter, r *http.Request) {
	var n int
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := fmt.Sscanf(r.PathValue("file"), "file-%d", &n); err != nil || n >= len(f.files) {
		w.WriteHeader(404)
		return
	}
	_, _ = w.Write(make([]byte, f.files[n]-f.short))
}

func member(r *http.Request) string {
	c, _ := r.Cookie("session")
	return r.PathValue("room") + "/" + c.Value
}

func (f *fake) page(w http.ResponseWriter, r *http.Request) {
	if !f.members[member(r)] {
		w.WriteHeader(403)
		return
	}
	all := f.rooms[r.PathValue("room")]
	q := r.URL.Query()
	size, _ := strconv.Atoi(q.Get("fetchSize"))
	at := func(id string) int { return slices.IndexFunc(all, func(m stored) bool { return m.ID == id }) }
	end := len(all)
	if id := q.Get("before"); id != "" {
		end = at(id)
	}
	if id := q.Get("around"); id != "" {
		end = min(max(at(id)+size/2+1, size), len(all))
	}
	from := max(0, end-size)
	_ = json.NewEncoder(w).Encode(map[string]any{"messages": all[from:end], "hasMore": from > 0})
}

func (f *fake) stomp(w http.ResponseWriter, r *http.Request) {
	up := ws.HTTPUpgrader{Protocol: func(p string) bool { return p == "v12.stomp" }}
	conn, _, _, err := up.Upgrade(r, w)
	if err != nil {
		return
	}
	f.conns = append(f.conns, conn)
	f.sockets.Go(func() {
		defer conn.Close()
		for {
			b, err := wsutil.ReadClientText(conn)
			if err != nil {
				return
			}
			lines := strings.Split(string(b), "\n")
			header := map[string]string{}
			for _, l := range lines[1:] {
				k, v, _ := strings.Cut(l, ":")
				header[k] = v
			}
			f.mu.Lock()
			answer := "CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\x00"
			switch lines[0] {
			case "SUBSCRIBE":
				room := strings.TrimPrefix(header["destination"], "/topic/messages/")
				f.subs[room] = append(f.subs[room], conn)
			case "UNSUBSCRIBE":
				for room, subs := range f.subs {
					f.subs[room] = slices.DeleteFunc(subs, func(c net.Conn) bool { return c == conn })
				}
			}
			if id := header["receipt"]; id != "" {
				answer = "RECEIPT\nreceipt-id:" + id + "\n\n\x00"
			}
			_ = wsutil.WriteServerText(conn, []byte(answer))
			f.mu.Unlock()
		}
	})
}
