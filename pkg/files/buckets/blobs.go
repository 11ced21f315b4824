package buckets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/s3blob" // for s3:// URLs
	"gocloud.dev/gcerrors"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/files"
)

// blobs is a bucket of gocloud.dev.
type blobs struct {
	*blob.Bucket
	folder string        // of fileblob; empty for others
	turns  chan struct{} // nil: any number of uploads at the same time
}

const (
	// partBytes is the size of the parts in which S3 receives a file: the least that it takes. A part is in memory.
	partBytes = 5 << 20
	// mostParts is how many parts are sent at the same time.
	mostParts = 8
	// validation is the parameter of a URL that says which answers have to have a checksum.
	validation = "response_checksum_validation"
	// forbidden is the status of S3's answer to a request that its sender may not make.
	forbidden = 403
	// copyBytes is the size of the buffer of an upload.
	copyBytes = 64 << 10
)

// Folder returns the bucket of a folder, which it makes. Only the server's user may read it.
func Folder(dir string) (files.Bucket, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the folder for files %s: %w", dir, err)
	}
	b, err := fileblob.OpenBucket(dir, &fileblob.Options{NoTempDir: true, DirFileMode: 0o700, Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		return nil, fmt.Errorf("cannot open the folder for files %s: %w", dir, err)
	}
	return &blobs{Bucket: b, folder: dir}, nil
}

func openS3(ctx context.Context, u *url.URL) (files.Bucket, error) {
	q := u.Query()
	if !q.Has(validation) {
		q.Set(validation, "when_required") // else the SDK writes a line about each answer without a checksum, as those of a part are
	}
	at := *u
	at.RawQuery = q.Encode()
	b, err := blob.OpenBucket(ctx, at.String())
	if err != nil {
		return nil, fmt.Errorf("cannot open the bucket of --files: %w", err)
	}
	there, err := b.IsAccessible(ctx)
	if err == nil && there {
		return &blobs{Bucket: b, turns: make(chan struct{}, mostParts)}, nil
	}
	_ = b.Close()
	var answer interface{ HTTPStatusCode() int } // gocloud.dev does not know all codes of wrong credentials
	switch {
	case err == nil:
		return nil, fmt.Errorf("there is no bucket %s, which --files names: make it first", u.Host)
	case gcerrors.Code(err) == gcerrors.PermissionDenied || errors.As(err, &answer) && answer.HTTPStatusCode() == forbidden:
		return nil, fmt.Errorf("the bucket %s of --files may not be listed with the credentials that the server has: %w", u.Host, err)
	}
	return nil, failed(err)
}

// Put implements files.Bucket.
func (b *blobs) Put(ctx context.Context, key string, r io.Reader) (n int64, err error) {
	if b.turns != nil {
		select {
		case b.turns <- struct{}{}:
			defer func() { <-b.turns }()
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var file *os.File
	w, err := b.NewWriter(ctx, key, &blob.WriterOptions{ContentType: "application/octet-stream", BufferSize: partBytes, MaxConcurrency: 1,
		BeforeWrite: func(as func(any) bool) error { as(&file); return nil }})
	if err != nil {
		return 0, failed(err)
	}
	in := &source{Reader: r}
	n, err = io.CopyBuffer(struct{ io.Writer }{w}, in, make([]byte, copyBytes))
	if err == nil && file != nil {
		err = file.Sync()
	}
	if err != nil {
		cancel() // Close then throws away what was written
	}
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	if err == nil && b.folder != "" {
		err = syncFolders(b.folder, b.path(key))
	}
	if in.err != nil {
		return n, in.err
	}
	return n, failed(err)
}

// path is where fileblob keeps a key. Keys have no characters that it escapes.
func (b *blobs) path(key string) string { return filepath.Join(b.folder, filepath.FromSlash(key)) }

// syncFolders makes the entries of a file and its folders durable, up to a root.
func syncFolders(root, path string) error {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		err = f.Sync()
		_ = f.Close()
		if err != nil || len(dir) <= len(root) {
			return err
		}
	}
}

// Open implements files.Bucket.
func (b *blobs) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	r, err := b.NewRangeReader(ctx, key, offset, length, nil)
	switch {
	case gcerrors.Code(err) == gcerrors.NotFound:
		return nil, chat.ErrNotFound(chat.FileEntity, key)
	case err != nil:
		return nil, failed(err)
	}
	return reader{r}, nil
}

// reader has the errors of the domain.
type reader struct{ io.ReadCloser }

func (r reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != io.EOF { //nolint:errorlint // io.Reader returns it as it is
		err = failed(err)
	}
	return n, err
}

// Size implements files.Bucket.
func (b *blobs) Size(ctx context.Context, key string) (int64, error) {
	a, err := b.Attributes(ctx, key)
	switch {
	case gcerrors.Code(err) == gcerrors.NotFound:
		return 0, chat.ErrNotFound(chat.FileEntity, key)
	case err != nil:
		return 0, failed(err)
	}
	return a.Size, nil
}

// Delete implements files.Bucket.
func (b *blobs) Delete(ctx context.Context, key string) error {
	err := b.Bucket.Delete(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		err = nil
	}
	if err == nil && b.folder != "" {
		err = b.deletePart(key)
	}
	return failed(err)
}

// deletePart removes what an upload has left whose process was killed: fileblob writes to a file beside the one to be.
func (b *blobs) deletePart(key string) error {
	parts, err := filepath.Glob(b.path(key) + ".*.tmp")
	for _, p := range parts {
		if removeErr := os.Remove(p); removeErr != nil && !os.IsNotExist(removeErr) {
			err = removeErr
		}
	}
	return err
}

// Each implements files.Bucket.
func (b *blobs) Each(ctx context.Context, visit func(files.Object) error) error {
	if b.folder != "" {
		return b.walk(ctx, visit)
	}
	all := b.List(nil)
	for {
		o, err := all.Next(ctx)
		if err == io.EOF { //nolint:errorlint // ListIterator returns it as it is
			return nil
		}
		if err != nil {
			return failed(err)
		}
		if err := visit(files.Object{Key: o.Key, Size: o.Size}); err != nil {
			return err
		}
	}
}

// walk is Each of a folder. fileblob would read all of the folder for each page of a list.
func (b *blobs) walk(ctx context.Context, visit func(files.Object) error) error {
	return filepath.WalkDir(b.folder, func(path string, d os.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err):
			return nil // removed meanwhile
		case err != nil:
			return failed(err)
		case ctx.Err() != nil:
			return failed(ctx.Err())
		case d.IsDir() || filepath.Dir(path) == filepath.Clean(b.folder) || strings.HasSuffix(path, ".tmp"):
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil //nolint:nilerr // removed meanwhile
		}
		name, err := filepath.Rel(b.folder, path)
		if err != nil {
			return err
		}
		return visit(files.Object{Key: filepath.ToSlash(name), Size: info.Size()})
	})
}

// Close implements files.Bucket.
func (b *blobs) Close() error { return b.Bucket.Close() }
