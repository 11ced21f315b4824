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

// The whole policy, to be read: for each action and what somebody is to the room, and to the message that it is about.
func TestPolicy(t *testing.T) {
	const (
		member = chat.Participant | chat.Speaker | chat.Unblocked | chat.Unbound
		admin  = member | chat.Admin
		owner  = member | chat.Owner
	)
	compareTable(t, `
                              outsider visitor blocked applicant invited muted member inviting author admin owner bound app
see a room                    -        yes     yes     yes       yes     yes   yes    yes      yes    yes   yes   yes   yes
see the participants          -        yes     yes     -         -       yes   yes    yes      yes    yes   yes   yes   yes
see the lists                 -        -       -       -         -       -     -      -        -      yes   yes   yes   yes
join a room                   -        yes     -       -         yes     yes   yes    yes      yes    yes   yes   yes   -
ask to join                   -        yes     -       yes       -       -     -      -        -      -     -     -     -
leave a room                  -        -       -       -         -       yes   yes    yes      yes    yes   yes   -     -
take part                     -        -       -       -         -       yes   yes    yes      yes    yes   yes   yes   -
post a message                -        -       -       -         -       -     yes    yes      yes    yes   yes   yes   yes
edit a message                -        -       -       -         -       -     -      -        yes    -     -     -     yes
delete a message              -        -       -       -         -       -     -      -        yes    yes   yes   yes   yes
add a participant             -        -       -       -         -       -     -      yes      -      yes   yes   yes   yes
remove a participant          -        -       -       -         -       -     -      -        -      -     -     -     -
mute or block somebody        -        -       -       -         -       -     -      -        -      -     -     -     -
change a room                 -        -       -       -         -       -     -      -        -      yes   yes   yes   yes
govern a room                 -        -       -       -         -       -     -      -        -      -     yes   yes   yes
delete a room                 -        -       -       -         -       -     -      -        -      -     yes   yes   yes
`, chat.Actions(), []chat.Relation{chat.Unblocked, chat.Unblocked | chat.Shown | chat.Open | chat.Free, chat.Shown | chat.Open | chat.Free,
		chat.Unblocked | chat.Shown, chat.Unblocked | chat.Invitee, member &^ chat.Speaker, member, member | chat.Inviting, member | chat.Author,
		admin, owner, owner &^ chat.Unbound, chat.App | chat.Speaker})

	const ordinary, other = chat.Ordinary | chat.NotOwner, chat.NotOwner
	compareTable(t, `
                              member>member admin>member admin>admin admin>owner owner>member owner>admin app>member app>admin app>owner
remove a participant          -             yes          -           -           yes          yes         yes        yes       -
mute or block somebody        -             yes          -           -           yes          yes         yes        yes       -
`, []chat.Action{chat.RemoveParticipant, chat.Moderate}, []chat.Relation{member | ordinary, admin | ordinary, admin | other, admin,
		owner | ordinary, owner | other, chat.App | ordinary, chat.App | other, chat.App})
	require.False(t, chat.May("anything else", ^chat.Relation(0)))
}

// compareTable compares a table, whose columns are what somebody is, with what the policy says.
func compareTable(t *testing.T, table string, actions []chat.Action, columns []chat.Relation) {
	t.Helper()
	lines := strings.Split(strings.Trim(table, "\n"), "\n")
	titles := strings.Fields(lines[0])
	require.Len(t, titles, len(columns))
	var rows []string
	for _, a := range actions {
		row := fmt.Sprintf("%-30s", a)
		for i, is := range columns {
			answer := "-"
			if chat.May(a, is) {
				answer = "yes"
			}
			row += fmt.Sprintf("%-*s", len(titles[i])+1, answer)
		}
		rows = append(rows, strings.TrimRight(row, " "))
	}
	require.Equal(t, strings.Join(lines[1:], "\n"), strings.Join(rows, "\n"))
}

// Whoever compares somebody with a creator, an owner or an author decides what they may do. That is the policy's.
func TestNothingElseDecides(t *testing.T) {
	compares := regexp.MustCompile(`(Creator\.Login|Author\.Login|Owner\(\)|\.Owner) [!=]= (who|s\.who|login|me)\b|\b(who|login)(\.Login)? [!=]= [\w.]*(Creator\.Login|Author\.Login|Owner\(\)|\.Owner)`)
	allowed := map[string]string{
		"chat/relations.go": "what somebody is to a room and to a message",
		"chat/operate.go":   "DisownRoom: what an erasure asks for, whoever calls",
		"chat/mail.go":      "nobody gets what they wrote themselves",
		"live/user.go":      "nobody is notified of what they wrote themselves",
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
