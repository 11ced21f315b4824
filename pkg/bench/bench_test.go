package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// These make this test binary the bare server, or attackers.
const (
	bareEnv   = "CONFAB_TEST_BARE"
	attackEnv = "CONFAB_TEST_ATTACK"
)

func TestMain(m *testing.M) {
	if os.Getenv(bareEnv) != "" {
		if err := ServeBare(context.Background(), os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	if os.Getenv(attackEnv) != "" {
		if err := Attackers(context.Background(), os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func small(f *fake) Options {
	return Options{URL: f.URL, PID: os.Getpid(), Clients: 4, Users: 3, Rooms: 2, Count: 200, Settle: time.Nanosecond}
}

func TestPosts(t *testing.T) {
	f := newFake(t)
	r, err := Run(t.Context(), "posts", small(f))
	require.NoError(t, err)
	require.EqualValues(t, 200, r.Operations)
	require.Zero(t, r.Errors)
	require.EqualValues(t, 200, r.More["read_back"])
	require.Positive(t, r.Rate)
	require.Positive(t, r.Latency.P50)
	require.LessOrEqual(t, r.Latency.P99, r.Latency.Max)
	require.Positive(t, r.ServerRSS)
	require.Len(t, f.deleted, 2, "the rooms are gone afterwards")
	require.Empty(t, f.rooms)
}

// Whatever the numbers of clients, users and rooms: everybody is let in where they post and read.
func TestWhoUsesWhichRoom(t *testing.T) {
	for _, n := range [][3]int{{1, 1, 1}, {5, 2, 3}, {2, 5, 1}, {2, 5, 7}, {7, 3, 7}, {6, 4, 8}} {
		f := newFake(t)
		o := Options{URL: f.URL, Clients: n[0], Users: n[1], Rooms: n[2], Count: 60, Fill: 30, Page: "around"}
		for _, name := range []string{"posts", "pages"} {
			r, err := Run(t.Context(), name, o)
			require.NoError(t, err, n)
			require.Zero(t, r.Errors, "%v %s", n, r.FirstError)
		}
	}
}

func TestPostsForAWhile(t *testing.T) {
	f := newFake(t)
	o := small(f)
	// A busy machine gives this process nothing for a hundred milliseconds at times.
	o.Count, o.Warmup, o.Duration, o.Keep = 0, 20*time.Millisecond, time.Second, true
	r, err := Run(t.Context(), "posts", o)
	require.NoError(t, err)
	require.Positive(t, r.Operations)
	require.Less(t, float64(r.Operations), r.More["all_operations"], "the warm-up does not count")
	require.Len(t, f.rooms, 2)
}

func TestLostPostIsSeen(t *testing.T) {
	f := newFake(t)
	f.lose = func(n int) bool { return n == 77 }
	_, err := Run(t.Context(), "posts", small(f))
	require.ErrorContains(t, err, "200 posts were answered with success, 199 messages are there")
}

func TestRefusedPostsAreCounted(t *testing.T) {
	f := newFake(t)
	f.refuse = func(n int) bool { return n%10 == 0 }
	r, err := Run(t.Context(), "posts", small(f))
	require.NoError(t, err)
	require.EqualValues(t, 20, r.Errors)
	require.EqualValues(t, 180, r.Operations)
	require.Contains(t, r.FirstError, "status 503")

	f.refuse = func(int) bool { return true }
	_, err = Run(t.Context(), "posts", small(f))
	require.ErrorContains(t, err, "nothing worked")
}

func TestPages(t *testing.T) {
	for _, kind := range []string{"newest", "older", "around"} {
		f := newFake(t)
		o := small(f)
		o.Page, o.Fill = kind, 150
		r, err := Run(t.Context(), "pages", o)
		require.NoError(t, err)
		require.Equal(t, "pages-"+kind, r.Name)
		require.EqualValues(t, 200, r.Operations)
		require.Zero(t, r.Errors, r.FirstError)
	}
}

// Files are uploaded, each by a message, and read back whole.
func TestUploads(t *testing.T) {
	f := newFake(t)
	o := small(f)
	o.Count, o.FileBytes = 8, 3<<20+7
	r, err := Run(t.Context(), "uploads", o)
	require.NoError(t, err)
	require.EqualValues(t, 8, r.Operations)
	require.Zero(t, r.Errors, r.FirstError)
	require.EqualValues(t, 8, r.More["read_back"])
	require.Positive(t, r.More["peak_MiB"])
	require.Equal(t, slices.Repeat([]int64{3<<20 + 7}, 8), f.files)
	f.short = 1
	_, err = Run(t.Context(), "uploads", o)
	require.ErrorContains(t, err, "a file of 3145735 bytes has 3145734 when it is read")
}

func TestLive(t *testing.T) {
	for _, inFlight := range []int{1, 8} {
		f := newFake(t)
		o := small(f)
		o.Subscribers, o.Count, o.InFlight = 10, 50, inFlight
		r, err := Run(t.Context(), "live", o)
		require.NoError(t, err)
		require.EqualValues(t, 500, r.Operations)
		require.Zero(t, r.Errors)
		require.Positive(t, r.Latency.P50)
		require.GreaterOrEqual(t, r.More["whole_room_p99_us"], r.More["whole_room_p50_us"])
	}
}

func TestLiveForAWhile(t *testing.T) {
	f := newFake(t)
	o := small(f)
	o.Subscribers, o.Count, o.Warmup, o.Duration = 3, 0, 20*time.Millisecond, 100*time.Millisecond
	r, err := Run(t.Context(), "live", o)
	require.NoError(t, err)
	require.Positive(t, r.Operations)
	require.Zero(t, r.Errors)
}

func TestDoubleDeliveryIsSeen(t *testing.T) {
	f := newFake(t)
	f.deliver = func(n int) int { return 1 + n%2 }
	o := small(f)
	o.Subscribers, o.Count = 5, 20
	r, err := Run(t.Context(), "live", o)
	require.NoError(t, err)
	require.EqualValues(t, 10, r.More["twice"])
	require.EqualValues(t, 10, r.Errors)
	require.EqualValues(t, 100, r.Operations)
}

func TestMissingDeliveryIsSeen(t *testing.T) {
	f := newFake(t)
	f.deliver = func(n int) int { return min(1, 7-n) } // none of the eighth
	o := small(f)
	o.Subscribers, o.Count, o.DeliveryTime = 5, 20, 50*time.Millisecond
	r, err := Run(t.Context(), "live", o)
	require.ErrorContains(t, err, "publish 7 was not delivered to 1 of 5 subscribers")
	require.Positive(t, r.More["missing"])
}

func TestConnections(t *testing.T) {
	f := newFake(t)
	o := small(f)
	o.Connections = 20
	r, err := Run(t.Context(), "connections", o)
	require.NoError(t, err)
	require.EqualValues(t, 20, r.Operations)
	require.Positive(t, r.ServerRSS)
}

func TestBareInThisProcess(t *testing.T) {
	o := Options{Clients: 4, Count: 200, Subscribers: 5, InFlight: 2}
	r, err := Run(t.Context(), "bare-http", o)
	require.NoError(t, err)
	require.EqualValues(t, 200, r.Operations)
	require.Zero(t, r.Errors)
	r, err = Run(t.Context(), "bare-live", o)
	require.NoError(t, err)
	require.EqualValues(t, 1000, r.Operations)
	require.Zero(t, r.Errors)
}

func TestBareInAProcessOfItsOwn(t *testing.T) {
	t.Setenv(bareEnv, "1")
	self, err := os.Executable()
	require.NoError(t, err)
	r, err := Run(t.Context(), "bare-http", Options{Clients: 4, Count: 200, BareCommand: []string{self}})
	require.NoError(t, err)
	require.EqualValues(t, 200, r.Operations)
	require.Positive(t, r.ServerRSS)

	_, err = Run(t.Context(), "bare-http", Options{BareCommand: []string{"/bin/false"}})
	require.ErrorContains(t, err, "did not start")
}

func TestDisk(t *testing.T) {
	dir := t.TempDir()
	r, err := Run(t.Context(), "disk", Options{Count: 5, Dir: dir})
	require.NoError(t, err)
	require.EqualValues(t, 5, r.Operations)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestRefusesOthersMachines(t *testing.T) {
	for _, u := range []string{"http://192.0.2.1:8080", "https://chat.example.com", "ftp://127.0.0.1", "nonsense", ""} {
		_, err := Run(t.Context(), "posts", Options{URL: u})
		require.Error(t, err, u)
	}
	for _, name := range []string{"bare-insert", "bare-select"} {
		_, err := Run(t.Context(), name, Options{Cassandra: "cassandra://127.0.0.1,192.0.2.1/confab"})
		require.ErrorContains(t, err, "not on this machine")
		_, err = Run(t.Context(), name, Options{})
		require.Error(t, err)
	}
	for _, host := range []string{"localhost", "127.0.0.1", "127.8.0.1", "::1"} {
		require.NoError(t, Options{}.checkHost(host))
	}
	require.NoError(t, Options{AllowRemote: true}.checkHost("192.0.2.1"))
}

func TestBadOptions(t *testing.T) {
	f := newFake(t)
	for _, o := range []Options{{MessageBytes: 31}, {Clients: -1}, {Page: "best"}} {
		o.URL = f.URL
		_, err := Run(t.Context(), "posts", o)
		require.Error(t, err)
	}
	_, err := Run(t.Context(), "nothing", Options{})
	require.ErrorContains(t, err, "no benchmark")
}

func TestCancel(t *testing.T) {
	f := newFake(t)
	o := small(f)
	o.Count, o.Duration = 0, time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(done, _ int64, note string) {
		if note == "posts" && done > 0 {
			cancel()
		}
	}
	_, err := Run(ctx, "posts", o)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, f.deleted, 2, "cleaned up nevertheless")
}

func TestMessageTable(t *testing.T) {
	cql, err := messageTable()
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(cql, "CREATE TABLE messages ("))
	for column := range strings.SplitSeq(messageColumns, ", ") {
		require.Contains(t, cql, "  "+column+" ")
	}
	require.NotContains(t, cql, ";")
}

func TestWriteResults(t *testing.T) {
	rs := []Result{
		{Name: "posts", Setting: "64 clients", Operations: 1000, Seconds: 2, Rate: 500,
			Latency: Latency{P50: 12.5, P90: 1500, P99: 2e6, Max: 3e6}, ServerCPU: 40, ServerRSS: 3 << 20,
			More: map[string]float64{"b": 2, "a": 1.5}},
		{Name: "disk", Errors: 3, FirstError: "no"},
	}
	var b bytes.Buffer
	require.NoError(t, WriteTable(&b, rs...))
	require.Equal(t, ""+
		"  benchmark  ops/s   ops  errors     p50    p90  p99  max  server CPU/op  server RSS  setting\n"+
		"      posts    500  1000       0  12.5µs  1.5ms   2s   3s           40µs     3.0 MiB  64 clients\n"+
		"       disk      0     0       3       -      -    -    -              -           -  \n"+
		"posts: a 1.5, b 2\n"+
		"disk: first error: no\n", b.String())
	b.Reset()
	require.NoError(t, WriteJSON(&b, rs...))
	var back Result
	require.NoError(t, json.NewDecoder(&b).Decode(&back))
	require.Equal(t, rs[0], back)
}

// Each attack comes to its end, and honest users are measured meanwhile.
func TestAttacks(t *testing.T) {
	f := newFake(t)
	o := small(f)
	o.Connections, o.Duration = 10, 50*time.Millisecond
	r, err := Run(t.Context(), "attacks", o)
	require.NoError(t, err)
	require.GreaterOrEqual(t, r.Operations, int64(honest*len(attacks)))
	require.Zero(t, r.Errors, r.FirstError)
	require.Positive(t, r.Latency.P99)
	require.Positive(t, r.ServerRSS)
	for _, a := range attacks {
		require.Contains(t, r.More, a.name+"_p99_ms")
		require.Contains(t, r.More, a.name+"_peak_MiB")
	}
	require.Zero(t, r.More["idle_sockets_ended"])
}

// Attackers in a process of their own reach the server, and end with the attack.
func TestAttackersInAProcessOfTheirOwn(t *testing.T) {
	t.Setenv(attackEnv, "1")
	self, err := os.Executable()
	require.NoError(t, err)
	f := newFake(t)
	stop, err := startAttack(t.Context(), []string{self}, "parallel_logins", attackers{URL: f.URL, Connections: 10, Logins: []string{"ann"}, Cookies: []string{""}})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return f.guesses.Load() > 0 }, time.Minute, time.Millisecond, "no login came from the attackers")
	require.NoError(t, stop())

	o := small(f)
	o.Connections, o.Duration, o.Attacks, o.AttackCommand = 10, 50*time.Millisecond, []string{"parallel_logins"}, []string{self}
	r, err := Run(t.Context(), "attacks", o)
	require.NoError(t, err)
	require.Zero(t, r.Errors, r.FirstError)

	o.AttackCommand = []string{"/bin/false"}
	_, err = Run(t.Context(), "attacks", o)
	require.Error(t, err)
	require.ErrorContains(t, Attackers(t.Context(), strings.NewReader("{\"Name\":\"nonsense\"}\n"), io.Discard), "no attack")
}
