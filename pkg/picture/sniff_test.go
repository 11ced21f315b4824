package picture_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/picture"
)

func TestSniff(t *testing.T) {
	ftyp := func(major string, others ...string) string {
		box := "ftyp" + major + "\x00\x00\x00\x00" + strings.Join(others, "")
		return string(binary.BigEndian.AppendUint32(nil, uint32(len(box)+4))) + box + "\x00\x00\x00\x08free"
	}
	frame := "\xff\xfb\x90\x00" + strings.Repeat("\x00", 413) // 128 kbit/s at 44.1 kHz
	for file, want := range map[string]string{
		"\x89PNG\r\n\x1a\n....": "image/png", "\xff\xd8\xff\xe0": "image/jpeg", "GIF89a": "image/gif", "RIFF\x00\x00\x00\x00WEBPVP8 ": "image/webp",
		ftyp("avif"): "image/avif", ftyp("heic", "mif1"): "image/heic", "II*\x00": "image/tiff",
		"ID3\x04": "audio/mpeg", frame + frame: "audio/mpeg", "OggS\x00OpusHead": "audio/ogg", "OggS\x00\x80theora": "video/ogg", "fLaC": "audio/flac",
		"RIFF\x00\x00\x00\x00WAVEfmt ": "audio/wav", ftyp("M4A "): "audio/mp4", "\xff\xf1P\x80": "audio/aac",
		ftyp("isom", "avc1"): "video/mp4", ftyp("qt  "): "video/quicktime", ftyp("3gp5"): "video/3gpp", "RIFF\x00\x00\x00\x00AVI LIST": "video/x-msvideo",
		"\x1a\x45\xdf\xa3...webm...V_VP9": "video/webm", "\x1a\x45\xdf\xa3...webm...A_OPUS": "audio/webm", "\x1a\x45\xdf\xa3...matroska": "video/x-matroska",
		"%PDF-1.7": "application/pdf", "PK\x03\x04word/": "application/zip", "\x1f\x8b\x08": "application/gzip",
		"Hello, Ann.\n": "text/plain", "": "text/plain", "\xef\xbb\xbfHello": "text/plain", "\xff\xfeH\x00": "text/plain",
		strings.Repeat("a", 511) + "é": "text/plain",
		// What a browser would run, or show as a page, is a text.
		"<!DOCTYPE html><script>alert(1)</script>": "text/plain", "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>": "text/plain",
		"<?xml version='1.0'?><x/>": "text/plain", "#!/bin/sh": "text/plain",
		"\x00\x01\x02": "application/octet-stream", "MZ\x90\x00": "application/octet-stream", ftyp("what"): "application/octet-stream",
		"\x00\x00\x00\x00ftyp": "application/octet-stream", "\xff\xfb\x90\x00 and no second frame": "application/octet-stream", "caf\xe9 latin": "application/octet-stream",
	} {
		require.Equal(t, want, picture.Sniff([]byte(file)), "%q", file)
	}
}

// Whatever a file begins with, it gets no type that a browser runs, and only what comes first counts.
func FuzzSniff(f *testing.F) {
	f.Add([]byte("<html>"))
	f.Fuzz(func(t *testing.T, head []byte) {
		got := picture.Sniff(head)
		for _, bad := range []string{"html", "svg", "xml", "script"} {
			require.NotContains(t, got, bad)
		}
		require.Equal(t, got, picture.Sniff(append(bytes.Clone(head[:min(len(head), picture.SniffLen)]), make([]byte, max(0, len(head)-picture.SniffLen))...)))
	})
}
