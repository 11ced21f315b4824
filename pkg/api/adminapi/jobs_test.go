package adminapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
	"github.com/confab-chat/confab/pkg/jobs"
)

func TestJobs(t *testing.T) {
	w := newWorld(t)
	list := func(query string) []any {
		return w.ask(adminToken, "GET", "/jobs"+query, nil, http.StatusOK)["jobs"].([]any)
	}
	require.Empty(t, list(""))
	// The server does not know that kind, so nobody runs them.
	for tenant, key := range map[chat.Tenant]string{chat.DefaultTenant: "a/b c", "other": "a"} {
		_, _, err := w.store.AddJob(t.Context(), jobs.Job{Ref: jobs.Ref{Tenant: tenant, Kind: "strange", Key: key}, State: jobs.Dead,
			Payload: []byte("what a user wrote"), Attempts: 16, Failure: "it does not work"})
		require.NoError(t, err)
	}
	require.Len(t, list("?state=dead"), 2)
	require.Len(t, list("?kind=strange"), 2)
	require.Empty(t, list("?state=waiting"))
	require.Empty(t, list("?kind=sweep"))
	w.ask(adminToken, "GET", "/jobs?state=odd", nil, http.StatusBadRequest)

	j := w.ask(adminToken, "GET", "/jobs/strange/a%2Fb%20c", nil, http.StatusOK)
	require.Equal(t, "dead", j["state"])
	require.Equal(t, "it does not work", j["failure"])
	require.Equal(t, "other", w.ask(adminToken, "GET", "/jobs/strange/a?tenant=other", nil, http.StatusOK)["tenant"])
	w.ask(adminToken, "GET", "/jobs/strange/a", nil, http.StatusNotFound)

	w.ask(adminToken, "POST", "/jobs/strange/nothing/retries", nil, http.StatusNotFound)
	j = w.ask(adminToken, "POST", "/jobs/strange/a%2Fb%20c/retries", nil, http.StatusAccepted)
	require.Equal(t, "waiting", j["state"])
	require.EqualValues(t, 0, j["failures"])
	require.Len(t, list("?state=dead"), 1)
	require.Len(t, list("?state=waiting"), 1)
}
