package picture

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"
)

// SniffLen is how much of a file Sniff looks at, in bytes.
const SniffLen = 512

// unknown is the type of what Sniff does not know.
const unknown = "application/octet-stream"

// Sniff returns the media type of a file by its first SniffLen bytes, or all if there are fewer. It never returns a type
// that a browser would run or show as a page: HTML, SVG, XML and scripts are text/plain. What it does not know is
// application/octet-stream. It says what a file claims to be, not that it is whole.
func Sniff(head []byte) string {
	head = head[:min(len(head), SniffLen)]
	for _, m := range magic {
		if len(head) >= m.at && bytes.HasPrefix(head[m.at:], []byte(m.bytes)) {
			return m.mediaType
		}
	}
	switch {
	case len(head) >= 12 && string(head[:4]) == "RIFF":
		return sniffRIFF(string(head[8:12]))
	case len(head) >= 12 && string(head[4:8]) == "ftyp":
		return sniffISO(head)
	case bytes.HasPrefix(head, []byte("OggS")):
		if bytes.Contains(head, []byte("theora")) {
			return "video/ogg"
		}
		return "audio/ogg"
	case bytes.HasPrefix(head, []byte("\x1a\x45\xdf\xa3")):
		return sniffMatroska(head)
	case mpegAudio(head):
		return "audio/mpeg"
	case len(head) > 1 && head[0] == 0xff && head[1]&0xf6 == 0xf0:
		return "audio/aac"
	case isText(head):
		return "text/plain"
	}
	return unknown
}

var magic = []struct {
	at               int
	bytes, mediaType string
}{
	{0, pngSignature, "image/png"},
	{0, "\xff\xd8\xff", "image/jpeg"},
	{0, "GIF87a", "image/gif"},
	{0, "GIF89a", "image/gif"},
	{0, "II*\x00", "image/tiff"},
	{0, "MM\x00*", "image/tiff"},
	{0, "ID3", "audio/mpeg"},
	{0, "fLaC", "audio/flac"},
	{0, "#!AMR", "audio/amr"},
	{0, "\x00\x00\x01\xba", "video/mpeg"},
	{0, "%PDF-", "application/pdf"},
	{0, "PK\x03\x04", "application/zip"},
	{0, "PK\x05\x06", "application/zip"},
	{0, "\x1f\x8b\x08", "application/gzip"},
	{0, "7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"},
	{0, "Rar!\x1a\x07", "application/vnd.rar"},
	{257, "ustar", "application/x-tar"},
}

func sniffRIFF(form string) string {
	switch form {
	case "WEBP":
		return "image/webp"
	case "WAVE":
		return "audio/wav"
	case "AVI ":
		return "video/x-msvideo"
	}
	return unknown
}

// sniffISO knows files of boxes (ISO 14496-12) by their brands.
func sniffISO(head []byte) string {
	box := head[:min(len(head), int(min(binary.BigEndian.Uint32(head), SniffLen)))]
	var brands []string
	for at := 8; at+4 <= len(box); at += 4 {
		if at != 12 { // the version
			brands = append(brands, string(box[at:at+4]))
		}
	}
	if len(brands) == 0 {
		return unknown
	}
	is := func(names ...string) bool {
		return slices.ContainsFunc(brands, func(b string) bool { return slices.Contains(names, b) })
	}
	switch major := brands[0]; {
	case is("avif", "avis"):
		return "image/avif"
	case is("heic", "heix", "hevc", "hevx", "mif1", "msf1"):
		return "image/heic"
	case strings.HasPrefix(major, "M4A"), strings.HasPrefix(major, "M4B"):
		return "audio/mp4"
	case major == "qt  ":
		return "video/quicktime"
	case strings.HasPrefix(major, "3g"):
		return "video/3gpp"
	case is("isom", "iso2", "iso4", "iso5", "iso6", "mp41", "mp42", "avc1", "dash", "M4V ", "MSNV"):
		return "video/mp4"
	}
	return unknown
}

func sniffMatroska(head []byte) string {
	if !bytes.Contains(head, []byte("webm")) {
		return "video/x-matroska"
	}
	// Recorders of voice say their only track in the first bytes.
	if bytes.Contains(head, []byte("A_OPUS")) && !bytes.Contains(head, []byte("V_")) {
		return "audio/webm"
	}
	return "video/webm"
}

// mpegAudio knows a frame of MPEG audio (layer 3) that is followed by another one, or is all that can be seen.
func mpegAudio(head []byte) bool {
	size := mpegFrame(head)
	return size > 0 && (size+4 > len(head) && len(head) == SniffLen || size+4 <= len(head) && mpegFrame(head[size:]) > 0)
}

// mpegFrame returns the length of a frame of layer 3, or 0 if there is none.
func mpegFrame(b []byte) int {
	if len(b) < 4 || b[0] != 0xff || b[1]&0xe6 != 0xe2 {
		return 0
	}
	version, rate, sampling := b[1]>>3&3, int(b[2]>>4), int(b[2]>>2&3)
	if version == 1 || rate == 0 || rate == 15 || sampling == 3 {
		return 0
	}
	rates, hertz, scale := [...]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}, [...]int{44100, 48000, 32000}[sampling], 144
	if version != 3 { // MPEG 2 and 2.5
		rates, scale, hertz = [...]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}, 72, hertz/2
	}
	if version == 0 {
		hertz /= 2
	}
	return scale*1000*rates[rate]/hertz + int(b[2]>>1&1)
}

// isText says whether bytes are the beginning of a text in UTF-8, or in UTF-16 that says so.
func isText(head []byte) bool {
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return true
	}
	for len(head) > 0 {
		r, n := utf8.DecodeRune(head)
		switch {
		case r == utf8.RuneError && n == 1:
			return !utf8.FullRune(head) // it goes on after what can be seen
		case r < ' ' && !strings.ContainsRune("\t\n\r\f\x1b", r), r == 0x7f:
			return false
		}
		head = head[n:]
	}
	return true
}
