package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/files/buckets"
	"github.com/confab-chat/confab/pkg/id"
	"github.com/confab-chat/confab/pkg/jobs"
	"github.com/confab-chat/confab/pkg/picture"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

// upload sends a file to a room and returns its id; an error means that it was not answered with success.
func (u *user) upload(room string, body io.Reader) (string, error) {
	resp, err := u.http.Post(u.base+"/rooms/"+room+"/files?name=a.bin", "application/octet-stream", body)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var f struct {
		ID string `json:"id"`
	}
	if resp.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("status %d", resp.StatusCode)
	}
	return f.ID, json.NewDecoder(resp.Body).Decode(&f)
}

// sendFile uploads a file and posts a message with it.
func (u *user) sendFile(room, kind string, body []byte) string {
	u.t.Helper()
	f, err := u.upload(room, bytes.NewReader(body))
	require.NoError(u.t, err)
	u.must(201, "POST", "/messages/"+room, map[string]any{"kind": kind, "body": map[string]any{"file": f}}, "")
	return f
}

func aPicture(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 800, 400))))
	return b.Bytes()
}

// Pictures are there after a move to another server, on a backup, and on a repaired copy.
func TestFilesAreCarried(t *testing.T) {
	data, root := filepath.Join(t.TempDir(), "data"), t.TempDir()
	token, run := []string{"CONFAB_ADMIN_TOKEN=a token of an administrator"}, func(want int, env []string, args ...string) string {
		t.Helper()
		c := command(t, args...)
		c.Env = append(c.Env, env...)
		code, out, errs := outcome(t, c)
		require.Equal(t, want, code, "%v: %s%s", args, out, errs)
		return out + errs
	}
	s := serve(t, data, "--admin-login", "operator", "--admin-password", "correct horse", "--admin-token", "a token of an administrator")
	ann := newUser(t, s, "ann").signUp()
	ann.must(201, "POST", "/rooms/lounge", map[string]any{}, "")
	file := ann.sendFile("lounge", "image", aPicture(t))
	large := bytes.Repeat([]byte("some bytes "), 100_000)
	other := ann.sendFile("lounge", "file", large)
	lost := ann.sendFile("lounge", "file", []byte("lost"))
	want, small := ann.must(200, "GET", "/files/"+file, nil, ""), ann.must(200, "GET", "/files/"+file+"/thumbnail", nil, "")
	require.Regexp(t, `default +3 +\d+`, run(0, token, "admin", "files", "--url", s.url))

	// One loses its bytes, and bytes lose their record.
	names, err := filepath.Glob(filepath.Join(data, "files", "default", "*"))
	require.NoError(t, err)
	require.Len(t, names, 4)
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		if string(text) == "lost" {
			require.NoError(t, os.Rename(name, filepath.Join(filepath.Dir(name), "0b5e5c66-4a37-11e4-9a6e-2d3a5b7b9a10")))
		}
	}
	found := run(0, token, "admin", "files", "orphans", "--url", s.url)
	require.Contains(t, found, "Bytes without a record: 1 found, 4 bytes.\n  default/0b5e5c66-4a37-11e4-9a6e-2d3a5b7b9a10\n")
	require.Contains(t, found, "Records without bytes: 1 found.\n  default "+lost+", 4 bytes")
	backup := filepath.Join(data+"-backups", "monday")
	run(0, token, "admin", "backup", "monday", "--url", s.url)
	require.Zero(t, s.stop(syscall.SIGTERM))

	checked := run(1, nil, "store", "check", data)
	require.Contains(t, checked, "3 files were looked at, of which 1 are missing and 0 have another size")
	require.Contains(t, checked, "Missing:\n  default "+lost+", 4 bytes")
	require.Contains(t, checked, "1 things in the store belong to no file")
	require.Contains(t, checked, "files are missing or damaged")
	export := filepath.Join(root, "all.ndjson")
	says := run(1, nil, "export", "--store", "embedded:"+data, export)
	require.Contains(t, says, "1 files are left out, as their bytes are not in the store")
	s = serve(t, data, "--admin-login", "operator", "--admin-password", "correct horse", "--admin-token", "a token of an administrator")
	require.Contains(t, run(2, token, "admin", "files", "orphans", "--remove", "--url", s.url), "add --yes")
	require.Contains(t, run(0, token, "admin", "files", "orphans", "--remove", "--yes", "--url", s.url), "Records without bytes: 1 removed.")
	require.Contains(t, run(0, token, "admin", "files", "orphans", "--url", s.url), "Bytes without a record: 0 found")
	newUser(t, s, "ann").logIn().must(404, "GET", "/files/"+lost, nil, "")
	require.Zero(t, s.stop(syscall.SIGTERM))
	require.Contains(t, run(0, nil, "store", "check", "--store", "embedded:"+data), "Nothing is damaged.")

	moved, repaired := filepath.Join(root, "moved"), filepath.Join(root, "repaired")
	require.Regexp(t, `files +2 added`, run(0, nil, "import", "--store", "embedded:"+moved, export))
	run(0, nil, "store", "repair", data, repaired)
	for _, dir := range []string{moved, backup, repaired} {
		s := serve(t, dir)
		ann := newUser(t, s, "ann").logIn()
		require.Equal(t, want, ann.must(200, "GET", "/files/"+file, nil, ""), dir)
		require.Equal(t, small, ann.must(200, "GET", "/files/"+file+"/thumbnail", nil, ""), dir)
		require.Equal(t, large, ann.must(200, "GET", "/files/"+other, nil, ""), dir)
		require.Contains(t, string(ann.must(200, "GET", "/rooms/lounge/files", nil, "")), file)
		require.Zero(t, s.stop(syscall.SIGTERM))
	}

	// In a folder of their own, which the export need not have the bytes of.
	own, records := filepath.Join(root, "own"), filepath.Join(root, "records.ndjson")
	apart := filepath.Join(root, "apart")
	run(0, nil, "import", "--store", "embedded:"+apart, "--files", "file://"+own, export)
	run(0, nil, "export", "--store", "embedded:"+apart, "--no-bytes", records)
	run(0, nil, "export", "--store", "embedded:"+apart, "--files", "file://"+own, filepath.Join(root, "whole.ndjson"))
	require.Contains(t, run(1, nil, "export", "--store", "embedded:"+apart, "--files", "file://"+own+"-not-there", filepath.Join(root, "none.ndjson")), "cannot open the folder of --files")
	require.NoDirExists(t, own+"-not-there")
	info, err := os.Stat(records)
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(len(large)))
	require.Regexp(t, `files +0 added +0 there already, 2 left out: their bytes are not there`, run(0, nil, "import", "--store", "embedded:"+filepath.Join(root, "nothing"), records))
	require.Regexp(t, `files +2 added`, run(0, nil, "import", "--store", "embedded:"+filepath.Join(root, "next"), "--files", "file://"+own, records))
	require.Contains(t, run(1, nil, "store", "check", filepath.Join(root, "next")), "2 files were looked at, of which 2 are missing")
	run(0, nil, "store", "check", filepath.Join(root, "next"), "--files", "file://"+own)
	names, err = filepath.Glob(filepath.Join(own, "default", "*"))
	require.NoError(t, err)
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && info.Size() == int64(len(large)) {
			require.NoError(t, os.WriteFile(name, large[1:], 0o600))
		}
	}
	require.Contains(t, run(1, nil, "store", "check", filepath.Join(root, "next"), "--files", "file://"+own), fmt.Sprintf("Damaged:\n  default %s, %d bytes", other, len(large)))
	s = serve(t, filepath.Join(root, "next"), "--files", "file://"+own)
	require.Equal(t, want, newUser(t, s, "ann").logIn().must(200, "GET", "/files/"+file, nil, ""))
	require.Zero(t, s.stop(syscall.SIGTERM))
}

// A server that is killed during uploads leaves nothing of them, once the sweep has been there, and keeps what it answered and a
// message names.
func TestKilledDuringUploads(t *testing.T) {
	data := t.TempDir()
	s := serve(t, data, "--limits", "off")
	ann := newUser(t, s, "ann").signUp()
	ann.must(201, "POST", "/rooms/lounge", map[string]any{}, "")
	var mu sync.Mutex
	kept := map[string][]byte{}
	var all sync.WaitGroup
	sent := make(chan struct{}, 1<<16)
	for c := range 4 {
		u := newUser(t, s, "ann").logIn()
		all.Go(func() {
			for n := 0; ; n++ {
				body := bytes.Repeat(fmt.Appendf(nil, "%d/%d ", c, n), 1000*(n%50))
				f, err := u.upload("lounge", bytes.NewReader(body))
				if err != nil {
					return
				}
				if n%2 == 0 { // the others no message names
					code, _, err := u.send("POST", "/messages/lounge", map[string]any{"kind": "file", "body": map[string]any{"file": f}}, "")
					if err != nil || code != 201 {
						return
					}
					mu.Lock()
					kept[f] = body
					mu.Unlock()
				}
				sent <- struct{}{}
			}
		})
	}
	// Two more are in the middle when it happens.
	var halves []*io.PipeWriter
	for range 2 {
		u := newUser(t, s, "ann").logIn()
		in, out := io.Pipe()
		all.Go(func() {
			_, err := u.upload("lounge", in)
			require.Error(t, err)
		})
		_, err := out.Write(make([]byte, 300_000))
		require.NoError(t, err)
		halves = append(halves, out)
	}
	for range 100 {
		select {
		case <-sent:
		case <-time.After(30 * time.Second):
			t.Fatalf("the server does not answer: %s", s.out)
		}
	}
	require.Eventually(t, func() bool {
		names, err := filepath.Glob(filepath.Join(data, "files", "default", "*.tmp"))
		return err == nil && len(names) >= 2
	}, 30*time.Second, time.Millisecond)
	require.Equal(t, -1, s.stop(syscall.SIGKILL))
	for _, out := range halves { // net/http waits for the body of a request that has failed
		_ = out.Close()
	}
	all.Wait()

	s = serve(t, data)
	reader := newUser(t, s, "ann").logIn()
	for f, body := range kept {
		require.True(t, bytes.Equal(body, reader.must(200, "GET", "/files/"+f, nil, "")), "a file that was answered and named")
	}
	require.Zero(t, s.stop(syscall.SIGTERM))

	// A day later.
	quiet := slog.New(slog.DiscardHandler)
	now := func() time.Time { return time.Now().Add(25 * time.Hour) }
	st, err := embedded.Open(data, embedded.Options{Logger: quiet})
	require.NoError(t, err)
	defer st.Close()
	bucket, err := buckets.Folder(st.FilesFolder())
	require.NoError(t, err)
	defer bucket.Close()
	queue := jobs.New(st, quiet)
	defer queue.Close()
	service := files.New(files.Parts{Store: st, Bucket: bucket, Pictures: picture.NewDecoder(0), Queue: queue, IDs: id.NewGenerator(now), Now: now, Log: quiet, Cached: 100})
	defer service.Close()
	require.NoError(t, service.Sweep(t.Context()))
	o, err := service.Orphans(t.Context())
	require.NoError(t, err)
	require.Zero(t, o.Unrecorded+o.Unstored+o.Foreign)
	require.GreaterOrEqual(t, o.Records, int64(len(kept)))
	require.LessOrEqual(t, o.Records, int64(len(kept)+4), "each client may have had one whose answer was lost")
	require.Equal(t, o.Records, o.Objects)
	left, err := st.Entries(t.Context(), "uploads", id.ID{}, 10)
	require.NoError(t, err)
	require.Empty(t, left)
	names, err := filepath.Glob(filepath.Join(data, "files", "default", "*"))
	require.NoError(t, err)
	for _, name := range names {
		require.False(t, strings.HasSuffix(name, ".tmp"), "what was not complete is gone")
	}
	require.Len(t, names, int(o.Objects))
	u, err := service.Usage(t.Context(), "default")
	require.NoError(t, err)
	require.Equal(t, o.Records, u.Files)
}
