package cassandra

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/delivery"
	"github.com/confab-chat/confab/pkg/inbox"
	"github.com/confab-chat/confab/pkg/jobs"
)

// A message to 600 users: the call takes a few statements, however many get it; then each mailbox is read and replaced, once.
func TestStatementsOfAMessageToManyUsers(t *testing.T) {
	t.Parallel()
	s, ctx := own(t), withTimeout(t)
	of := tenant()
	queue, arrived := jobs.New(s, slog.New(slog.DiscardHandler)), make(chan int, chat.MaxReceivers)
	mail := delivery.New(delivery.Options{Store: s, Boxes: inbox.New(inbox.Options{Store: s}), Queue: queue,
		Arrived: func(t chat.Tenant, logins []string) {
			if t == of { // another test may have left a job behind
				arrived <- len(logins)
			}
		}})
	mailing := chat.Mailing{Log: chat.Log{Tenant: of, ID: ids.New()}, Author: "admin"}
	var ms []chat.Message
	for i := range chat.MaxReceivers {
		m := chat.Message{ID: ids.New(), Author: chat.Person{FirstName: "admin"}, Content: "hello"}
		ms = append(ms, m)
		mailing.Letters = append(mailing.Letters, chat.Letter{Message: m.ID, Login: fmt.Sprint("user", i)})
	}
	c := &counting{n: map[string]int{}}
	s.db.around.set(c.around)
	// beside is how many statements there were beside those of mailboxes, and those by which the queue looks for jobs, which
	// other tests of this keyspace leave too.
	beside := func(counts map[string]int) (n int) {
		for statement, one := range counts {
			switch statement {
			case selectInbox, insertInbox, selectJob, selectDue, listPeriods, deletePeriod, deleteDue:
			default:
				n += one
			}
		}
		return n
	}

	counts := c.during(func() {
		done, err := mail.Send(ctx, mailing)
		require.NoError(t, err)
		require.NoError(t, s.AppendBatch(ctx, mailing.Log, ms))
		require.NoError(t, done(ctx, nil))
	})
	require.Less(t, beside(counts), 40, "until the sender is answered: %v", counts)

	queue.Start()
	t.Cleanup(queue.Close)
	counts = c.during(func() {
		for n := 0; n < chat.MaxReceivers; {
			select {
			case some := <-arrived:
				n += some
			case <-time.After(time.Minute):
				require.Fail(t, "the message does not arrive")
			}
		}
	})
	require.LessOrEqual(t, counts[selectInbox], chat.MaxReceivers)
	require.LessOrEqual(t, counts[insertInbox], chat.MaxReceivers)
	require.Less(t, beside(counts), 80, "beside the mailboxes: %v", counts)
	s.db.around.set(nil)
	refs, _, _, err := inbox.New(inbox.Options{Store: s}).Waiting(ctx, chat.Identity{Tenant: mailing.Log.Tenant, Login: "user599"}, 0, 10)
	require.NoError(t, err)
	require.Len(t, refs, 1)
	require.Eventually(t, func() bool {
		n, err := s.CountJobs(ctx, of, 1)
		return err == nil && n == 0
	}, time.Minute, 10*time.Millisecond, "a job that is left behind would run in another test")
}
