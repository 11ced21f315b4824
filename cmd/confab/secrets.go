package main

import (
	"net/url"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// readSecret sets a secret that is in a file. It reads the file once, as it may be a pipe.
func readSecret(flag string, secret, file *string) error {
	if *file == "" {
		return nil
	}
	if *secret != "" {
		return badSetting("give %s or %s-file, not both", flag, flag)
	}
	b, err := os.ReadFile(*file)
	if err != nil {
		return badSetting("%s-file cannot be read: %v", flag, err)
	}
	text := strings.TrimRight(string(b), "\r\n")
	switch {
	case text == "":
		return badSetting("%s-file %s is empty", flag, *file)
	case strings.Contains(text, mask):
		return holdsMask(flag + "-file")
	}
	*secret, *file = text, ""
	return nil
}

// mask is in the place of a secret. As a setting it is refused: it comes from what was printed.
const mask = "********"

func holdsMask(flag string) error {
	return badSetting("%s holds %s, which stands for a secret that was left out: put the secret in its place", flag, mask)
}

// refuseMask returns an error if a flag of the command holds the mask, wherever its value comes from.
func refuseMask(c *kong.Context) error {
	for _, f := range c.Flags() {
		switch v := c.FlagValue(f).(type) {
		case string:
			if strings.Contains(v, mask) {
				return holdsMask("--" + f.Name)
			}
		case []string:
			if strings.Contains(strings.Join(v, ","), mask) {
				return holdsMask("--" + f.Name)
			}
		}
	}
	return nil
}

// withPassword returns NATS URLs, separated by commas, with the password of their users. It returns false if a URL has no
// user, or has a password.
func withPassword(urls, password string) (string, bool) {
	all := strings.Split(urls, ",")
	for i := range all {
		u, err := url.Parse(strings.TrimSpace(all[i]))
		if err != nil || u.User.Username() == "" {
			return "", false
		}
		if _, has := u.User.Password(); has {
			return "", false
		}
		u.User = url.UserPassword(u.User.Username(), password)
		all[i] = u.String()
	}
	return strings.Join(all, ","), true
}

// maskURL hides the secrets in a URL: the password, and what stands alone before the host, unless that is the user of a
// Cassandra; NATS takes it for a token.
func maskURL(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	at := strings.LastIndex(rest, "@") // a password that is not encoded may hold one, too
	if !ok || at < 0 {
		return s
	}
	user, _, hasPassword := strings.Cut(rest[:at], ":")
	switch {
	case hasPassword:
		user += ":" + mask
	case scheme != "cassandra":
		user = mask
	}
	return scheme + "://" + user + rest[at:]
}

func maskURLs(urls []string) []string {
	out := make([]string, len(urls))
	for i, u := range urls {
		out[i] = maskURL(u)
	}
	return out
}
