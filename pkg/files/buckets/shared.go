package buckets

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	// markerFile is a file in the folder that holds the value of the secret markerSecret.
	markerFile   = "confab-files"
	markerSecret = "files"
)

// checkShared returns an error if a folder is not the one that the other servers of the store use. The first server writes a
// random value into the folder, and the store keeps it for all: of two servers with a folder each, one is refused.
func checkShared(ctx context.Context, dir string, shared Secrets) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot make the folder of --files: %w", err)
	}
	name := filepath.Join(dir, markerFile)
	marker, made, err := readMarker(name)
	if err != nil {
		return fmt.Errorf("cannot use the folder of --files: %w", err)
	}
	known, err := shared.Secret(ctx, markerSecret, marker)
	if err != nil {
		return err
	}
	if bytes.Equal(known, marker) {
		return nil
	}
	if made {
		_ = os.Remove(name)
	}
	return fmt.Errorf("the folder %s of --files is not the one that this store's other servers use, or used before: "+
		"files that one server keeps would be missing on the others. Mount the same folder on all machines; if the files were moved, move the file %s along. "+
		"Without --files, the store keeps the files itself", dir, markerFile)
}

// readMarker returns the value in the folder. If there is none, it makes one.
func readMarker(name string) (marker []byte, made bool, err error) {
	fresh := make([]byte, 16)
	_, _ = rand.Read(fresh) // never fails
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, false, err
		}
		marker, err = hex.DecodeString(string(bytes.TrimSpace(text)))
		if err != nil || len(marker) == 0 {
			return nil, false, fmt.Errorf("%s does not hold what a server wrote: remove it if the folder has no files", name)
		}
		return marker, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	_, err = f.WriteString(hex.EncodeToString(fresh) + "\n")
	return fresh, true, errors.Join(err, f.Sync(), f.Close())
}
