package server_test

import (
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/store"
)

// ownFolder is a store whose files are elsewhere.
type ownFolder struct {
	store.Store
	dir string
}

func (o ownFolder) FilesFolder() string { return o.dir }

// An upload that fills the disk is refused with what the operator has to know, and leaves nothing; one that fits is kept.
func TestAnUploadThatFillsTheDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("only root can make a small disk: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(disk, syscall.MNT_DETACH)) })
	st := open(t)
	h := start(t, ownFolder{st, disk}, withFilesAdmin)
	answerOf(t, sends(h, "POST", "/rooms/lounge", "application/json", []byte("{}")), 201)
	large := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(large)
	res := sends(h, "POST", "/rooms/lounge/files", "application/octet-stream", large)
	require.NotEmpty(t, res.Header.Get("Retry-After"))
	require.Contains(t, string(answerOf(t, res, 503)), "no space left for files")
	nothingOfUploads(t, st, disk)
	answerOf(t, sends(h, "POST", "/rooms/lounge/files", "application/octet-stream", large[:200<<10]), 201)
	require.Len(t, stored(t, disk), 1)
}
