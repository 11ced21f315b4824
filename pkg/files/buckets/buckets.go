// Package buckets has the places where the bytes of files are: a folder, a bucket of S3, or a database, in pieces. Each is a
// files.Bucket.
package buckets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/files"
)

// Secrets keeps values that all servers of a store share; see auth.SecretStore.
type Secrets interface {
	Secret(ctx context.Context, name string, candidate []byte) ([]byte, error)
}

// Of opens the bucket of a store: that of a URL or, without one, the store's own: a folder in its folder, or itself.
func Of(ctx context.Context, url string, st Secrets) (files.Bucket, error) {
	if url != "" {
		return Open(ctx, url, st)
	}
	switch st := st.(type) {
	case interface{ FilesFolder() string }:
		return Folder(st.FilesFolder())
	case PieceStore:
		return Pieces(st), nil
	}
	return nil, errors.New("this store keeps no files itself: say where they are")
}

// Check returns what is wrong with the URL of a bucket.
func Check(text string) error {
	_, err := parse(text)
	return err
}

func parse(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
	case u.Scheme == "file" && u.Host == "" && filepath.IsAbs(u.Path) && u.RawQuery == "" && u.Fragment == "":
		return u, nil
	case u.Scheme == "s3" && u.Host != "" && (u.Path == "" || u.Path == "/"):
		return u, nil
	}
	return nil, errors.New("it has to be like file:///var/lib/confab/files, with a whole path, or s3://BUCKET?region=…")
}

// Open opens the bucket of a URL that passes Check. Servers that share secrets have to share the folder of a file URL: Open
// refuses one that is not the first server's. Unavailable if the bucket cannot be reached now.
func Open(ctx context.Context, text string, shared Secrets) (files.Bucket, error) {
	return open(ctx, text, func(folder string) error { return checkShared(ctx, folder, shared) })
}

// OpenToRead is Open for a tool that only reads. It makes no folder, and writes neither to one nor to the store.
func OpenToRead(ctx context.Context, text string) (files.Bucket, error) {
	return open(ctx, text, func(folder string) error {
		if _, err := os.Stat(folder); err != nil {
			return fmt.Errorf("cannot open the folder of --files: %w", err)
		}
		return nil
	})
}

// open opens the bucket of a URL. usable says what is wrong with a folder.
func open(ctx context.Context, text string, usable func(folder string) error) (files.Bucket, error) {
	u, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("cannot open the bucket %q: %w", text, err)
	}
	if u.Scheme == "s3" {
		return openS3(ctx, u)
	}
	if err := usable(u.Path); err != nil {
		return nil, err
	}
	return Folder(u.Path)
}

// failed returns the error of the domain for one of a bucket. That of the reader of a Put stays as it is.
func failed(err error) error {
	var known *chat.Error
	switch {
	case err == nil || errors.As(err, &known) || errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return &chat.Error{Kind: chat.Unavailable, Entity: chat.FileEntity, Message: "the server has no space left for files; tell its operator", Cause: err}
	}
	return &chat.Error{Kind: chat.Unavailable, Entity: chat.FileEntity, Message: "the server cannot reach its files now; try again", Cause: err}
}

// source remembers the error of a reader, to tell it from that of the bucket.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}
