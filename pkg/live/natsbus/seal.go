package natsbus

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"sync/atomic"
)

// seal keeps deployments apart that share NATS servers. Everybody who may use the servers can publish to every subject,
// so packets are signed: a packet is an HMAC-SHA256 followed by the data. Subject and key are derived from the secret of
// the cluster; neither can be computed from the other.
//
// The zero seal is that of a bus without a secret. It adds nothing and accepts everything.
type seal struct {
	key      []byte
	rejected atomic.Uint64
}

// derive returns a key of the secret for one purpose.
func derive(secret, purpose string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte("confab bus " + purpose))
	return h.Sum(nil)
}

// subjectOf returns the subject of the cluster that has the secret.
func subjectOf(prefix, secret string) string {
	return prefix + "." + hex.EncodeToString(derive(secret, "subject")[:16]) + ".events"
}

func (s *seal) sum(data []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write(data)
	return h.Sum(make([]byte, 0, sha256.Size+len(data)))
}

// close returns the packet that carries data.
func (s *seal) close(data []byte) []byte {
	if s.key == nil {
		return data
	}
	return append(s.sum(data), data...)
}

// open returns the data of a packet. It returns false, and counts the packet, if another key or none has signed it.
func (s *seal) open(packet []byte, log *slog.Logger) ([]byte, bool) {
	if s.key == nil {
		return packet, true
	}
	if len(packet) >= sha256.Size {
		if data := packet[sha256.Size:]; hmac.Equal(s.sum(data), packet[:sha256.Size]) {
			return data, true
		}
	}
	if s.rejected.Add(1) == 1 {
		log.Warn("somebody else publishes to this cluster's subject of NATS: packets without its signature are dropped; /readyz counts them",
			"do", "See who else may use the NATS given with --nats, and give them an account of their own.")
	}
	return nil, false
}
