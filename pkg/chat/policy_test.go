package chat_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// The whole policy, to be read: for each action and what somebody is to the room, and to the message or person that it is
// about.
func TestPolicy(t *testing.T) {
	const policy = `
                      visitor  participant  owner  author  themselves  participant+owner  participant+author
take part             -        yes          -      -       -           yes                yes
edit a message        -        -            -      -       -           -                  yes
delete a message      -        -            -      -       -           yes                yes
remove a participant  -        -            yes    -       yes         yes                -
change a room         -        -            yes    -       -           yes                -
delete a room         -        -            yes    -       -           yes                -
anything else         -        -            -      -       -           -                  -
`
	relations := []chat.Relation{0, chat.Participant, chat.Owner, chat.Author, chat.Themselves, chat.Participant | chat.Owner,
		chat.Participant | chat.Author}
	lines := strings.Split(strings.TrimSpace(policy), "\n")
	titles := strings.Fields(lines[0])
	require.Len(t, titles, len(relations))
	var rows []string
	for _, a := range []chat.Action{chat.TakePart, chat.EditMessage, chat.DeleteMessage, chat.RemoveParticipant, chat.ChangeRoom, chat.DeleteRoom,
		"anything else"} {
		row := fmt.Sprintf("%-22s", a)
		for i, is := range relations {
			answer := "-"
			if chat.May(a, is) {
				answer = "yes"
			}
			row += fmt.Sprintf("%-*s", len(titles[i])+2, answer)
		}
		rows = append(rows, strings.TrimRight(row, " "))
	}
	require.Equal(t, strings.Join(lines[1:], "\n"), strings.Join(rows, "\n"))
}

// Whoever compares somebody with a creator or an author decides what they may do. That is the policy's.
func TestNothingElseDecides(t *testing.T) {
	compares := regexp.MustCompile(`(Creator|Author)\.Login [!=]= (who|s\.who|login|me)\b|\b(who|login)(\.Login)? [!=]= [\w.]*(Creator|Author)\.Login`)
	allowed := map[string]string{
		"chat/policy.go":  "the policy",
		"chat/operate.go": "DisownRoom: what an erasure asks for, whoever calls",
		"live/user.go":    "nobody is notified of what they wrote themselves",
	}
	for _, dir := range []string{".", "../api", "../live", "../stomp", "../exports"} {
		require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name := strings.TrimPrefix(filepath.ToSlash(filepath.Join("chat", path)), "../")
			if allowed[name] == "" {
				require.Empty(t, compares.FindAllString(string(text), -1), name)
			}
			return nil
		}))
	}
}
