package outbound

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // what existing receivers check; the signature is another one
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// Sign returns the value of X-Confab-Signature for a body that is sent at a time: the time in seconds, and for each secret
// an HMAC-SHA256 of the time, a dot and the body. While a secret is replaced there are two.
func Sign(at time.Time, body []byte, secrets ...string) string {
	t := strconv.FormatInt(at.Unix(), 10)
	var b strings.Builder
	b.WriteString("t=" + t)
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(t + "."))
		mac.Write(body)
		b.WriteString(",v1=" + hex.EncodeToString(mac.Sum(nil)))
	}
	return b.String()
}

// Security returns the member "security" of a body: the MD5 of the call's id, the secret and the time in milliseconds. It
// does not protect the body; Sign does.
func Security(callID, secret string, at time.Time) string {
	sum := md5.Sum([]byte(callID + secret + strconv.FormatInt(at.UnixMilli(), 10))) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}
