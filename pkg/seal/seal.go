// Package seal encrypts secrets that have to be shown again, such as the credentials of an app. What can do with a hash
// keeps a hash instead.
package seal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"

	"github.com/confab-chat/confab/pkg/auth"
)

// A Box seals and opens secrets with AES-256-GCM. It may be used concurrently.
type Box struct {
	aead  cipher.AEAD
	owned bool
}

// secretName is the name under which the server's own key is kept, secretBytes its size.
const (
	secretName  = "seal"
	secretBytes = 32
)

// minKeyFile is the least size of a key file: so many bytes cannot be a word.
const minKeyFile = 16

// ErrSealed says that a secret was sealed with another key or for another purpose, or was changed.
var ErrSealed = errors.New("seal: the secret was sealed with another key; start the server with the --seal-key it had before")

// New returns the box of a key file. Without one (an empty name) the key is one of the server's own secrets, which all
// servers of a store share.
func New(ctx context.Context, file string, secrets auth.SecretStore) (*Box, error) {
	var material []byte
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("the file of --seal-key cannot be read: %w", err)
		}
		if len(b) < minKeyFile {
			return nil, fmt.Errorf("the file of --seal-key has %d bytes; it needs at least %d random ones: openssl rand -base64 32 > FILE", len(b), minKeyFile)
		}
		material = b
	} else {
		candidate := make([]byte, secretBytes)
		_, _ = rand.Read(candidate) // never fails
		b, err := secrets.Secret(ctx, secretName, candidate)
		if err != nil {
			return nil, err
		}
		material = b
	}
	key := sha256.Sum256(append([]byte("confab seal\x00"), material...))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &Box{aead: aead, owned: file != ""}, err
}

// Portable reports whether the key is the operator's: what it seals can be opened after a move to another store.
func (b *Box) Portable() bool { return b.owned }

// Seal returns the sealed form of a secret. It can be opened for the same purpose only.
func (b *Box) Seal(purpose string, secret []byte) []byte {
	nonce := make([]byte, b.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return b.aead.Seal(nonce, nonce, secret, []byte(purpose))
}

// Open returns the secret in a sealed form, or ErrSealed.
func (b *Box) Open(purpose string, sealed []byte) ([]byte, error) {
	n := b.aead.NonceSize()
	if len(sealed) < n {
		return nil, ErrSealed
	}
	secret, err := b.aead.Open(nil, sealed[:n], sealed[n:], []byte(purpose))
	if err != nil {
		return nil, ErrSealed
	}
	return secret, nil
}
