package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/files"
	"github.com/confab-chat/confab/pkg/files/buckets"
	"github.com/confab-chat/confab/pkg/move"
	"github.com/confab-chat/confab/pkg/progress"
	"github.com/confab-chat/confab/pkg/store"
	"github.com/confab-chat/confab/pkg/store/embedded"
)

// filesSettings say where the bytes of files are, for a tool.
type filesSettings struct {
	Files string `help:"Where the files are that people sent, as in --files of serve; without it, those of the store itself." placeholder:"URL"`
}

func (s filesSettings) check() error {
	if s.Files == "" {
		return nil
	}
	if err := buckets.Check(s.Files); err != nil {
		return badSetting("--files %q: %v", s.Files, err)
	}
	return nil
}

// open opens the bucket. A folder of a store that is only to be read is not made.
func (s filesSettings) open(ctx context.Context, st store.Store, reading bool) (files.Bucket, error) {
	switch {
	case s.Files != "" && reading: // a store that may be damaged takes no writes
		return buckets.OpenToRead(ctx, s.Files)
	case s.Files != "":
		return buckets.Open(ctx, s.Files, st)
	}
	if pieces, ok := st.(buckets.PieceStore); ok {
		return move.Pieces(pieces), nil
	}
	if folder, ok := st.(interface{ FilesFolder() string }); ok && reading {
		if _, err := os.Stat(folder.FilesFolder()); errors.Is(err, fs.ErrNotExist) {
			return noFiles{}, nil
		}
	}
	return buckets.Of(ctx, "", st)
}

// where says in words where the files are.
func (s filesSettings) where() string {
	if s.Files == "" {
		return "the store"
	}
	return s.Files
}

// noFiles is the bucket of a store into which nobody has sent a file.
type noFiles struct{ files.Bucket }

func (noFiles) Open(_ context.Context, key string, _, _ int64) (io.ReadCloser, error) {
	return nil, chat.ErrNotFound(chat.FileEntity, key)
}

func (noFiles) Size(_ context.Context, key string) (int64, error) {
	return 0, chat.ErrNotFound(chat.FileEntity, key)
}

func (noFiles) Each(context.Context, func(files.Object) error) error { return nil }

func (noFiles) Close() error { return nil }

type exportCmd struct {
	storeSettings
	filesSettings
	logSettings
	Room  string `help:"Export this room alone, with the accounts of who is in it." placeholder:"NAME"`
	Bytes bool   `help:"Take the bytes of files along. Without them, the server that imports needs the same --files." default:"true" negatable:""`
	Force bool   `help:"Replace the file if it exists."`
	File  string `arg:"" help:"File to write, for its owner alone; - for standard output." placeholder:"FILE"`
}

// Help is shown by confab export --help.
func (c *exportCmd) Help() string {
	return "Writes accounts with their password hashes, roles, hashes of API tokens, rooms, participants, messages and the files that people sent, " +
		"one JSON object a line: keep the file as you would keep the data itself. Sessions are left out: people log in again. " +
		"Of an embedded store, stop the server first. A file appears under its name when it is complete. " +
		"Of a damaged embedded store all that can be read is exported; what cannot is listed, and the exit status is 1."
}

// Run writes the file.
func (c *exportCmd) Run(ctx context.Context) error {
	if err := c.storeSettings.check(); err != nil {
		return err
	}
	if err := c.filesSettings.check(); err != nil {
		return err
	}
	if err := c.exists(); err != nil {
		return err
	}
	if c.File != "-" { // rather than after a long export
		if err := replaceable(c.File, c.Force); err != nil {
			return err
		}
	}
	st, lost, err := c.openDamaged(ctx, c.logger())
	if err != nil {
		return err
	}
	defer st.Close()
	o := move.ExportOptions{Room: c.Room}
	if c.Bytes {
		if o.Files, err = c.filesSettings.open(ctx, st, true); err != nil {
			return err
		}
		defer o.Files.Close()
	}
	bar := progress.New(os.Stderr, "exporting")
	o.Progress = func(n move.Counts) {
		bar.Set(n.Messages, 0, fmt.Sprintf("messages of %d rooms, %d users, %d files", n.Rooms, n.Users, n.Files))
	}
	missing := 0
	o.Lost = func(files.File) { missing++ }
	var counts move.Counts
	err = writeTo(c.File, c.Force, func(w io.Writer) (err error) {
		counts, err = move.Export(ctx, w, st, o)
		return err
	})
	if err != nil {
		bar.Fail()
		return err
	}
	bar.End(fmt.Sprintf("%d users, %d rooms, %d messages, %d files", counts.Users, counts.Rooms, counts.Messages, counts.Files))
	if l := lost(); len(l) > 0 {
		printLost(os.Stderr, l)
		err = errors.New("the store is damaged: what can be read is exported, the rest is not")
	}
	if missing > 0 {
		err = errors.Join(err, fmt.Errorf("%d files are left out, as their bytes are not in %s: if the server has other --files, give the same here", missing, c.filesSettings.where()))
	}
	return err
}

// openDamaged opens a store to be read whole. An embedded one is left as it is, even if it is damaged: what could not
// be read so far is lost.
func (s *storeSettings) openDamaged(ctx context.Context, log *slog.Logger) (st store.Store, lost func() []string, err error) {
	dir, ok := strings.CutPrefix(s.Store, "embedded:")
	if !ok {
		st, err = s.open(ctx, false, log)
		return st, func() []string { return nil }, err
	}
	e, err := embedded.OpenPatiently(ctx, dir, embedded.Options{Logger: log, OpenFiles: openFiles(descriptors()), Salvage: true})
	if err != nil {
		return nil, nil, err
	}
	return e, e.Lost, nil
}

// exists refuses an embedded store that is not there: opening it would make an empty one.
func (s storeSettings) exists() error {
	dir, embedded := strings.CutPrefix(s.Store, "embedded:")
	if !embedded {
		return nil
	}
	if _, err := os.Stat(dir); err != nil {
		return badSetting("--store %q: there is no such data folder", s.Store)
	}
	return nil
}

// checkWhole refuses a file that was changed, before anything of it is imported. One that is cut off is imported up to there.
func checkWhole(ctx context.Context, in io.Reader, size int64) error {
	bar := progress.New(os.Stderr, "checking")
	err := move.Check(ctx, in, func(bytes int64) { bar.Set(bytes, size, "") })
	if err != nil && !errors.Is(err, move.ErrIncomplete) {
		bar.Fail()
		return fmt.Errorf("%w; nothing was imported. Standard input (-) is imported as it comes, and checked at its end", err)
	}
	bar.End("")
	return nil
}

type importFileCmd struct {
	storeSettings
	filesSettings
	logSettings
	File string `arg:"" help:"File that confab export has written; - for standard input." placeholder:"FILE"`
}

// Run imports the file. An embedded store may not be in use by a running server at the same time.
func (c *importFileCmd) Run(ctx context.Context) error {
	if err := c.storeSettings.check(); err != nil {
		return err
	}
	if err := c.filesSettings.check(); err != nil {
		return err
	}
	f, size := os.Stdin, int64(0)
	if c.File != "-" {
		var err error
		if f, err = os.Open(c.File); err != nil {
			return err
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
	}
	in, err := move.Begin(f) // before an embedded store is made
	if err != nil {
		return err
	}
	if size > 0 {
		if err := checkWhole(ctx, in, size); err != nil {
			return err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		in = f
	}
	st, err := c.storeSettings.open(ctx, true, c.logger())
	if err != nil {
		return err
	}
	defer st.Close()
	bucket, err := c.filesSettings.open(ctx, st, false)
	if err != nil {
		return err
	}
	defer bucket.Close()
	bar := progress.New(os.Stderr, "importing")
	report, err := move.Import(ctx, st, in, move.ImportOptions{Files: bucket, Progress: func(bytes int64, n move.Counts) {
		bar.Set(bytes, size, fmt.Sprintf("%d messages", n.Messages))
	}})
	if err != nil {
		bar.Fail()
	} else {
		bar.End("")
	}
	if err == nil || report.Counts() {
		fmt.Print(report.String())
	}
	return err
}
