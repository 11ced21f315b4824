package chatapi_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/confab-chat/confab/pkg/chat"
)

// A page of v1 ends at about a megabyte. One of KillrChat's mounts is whole: a short one would mean the room's beginning.
func TestLargePages(t *testing.T) {
	c := fresh(t, V)
	room := c.room()
	const n = 30
	var want []string
	for i := range n {
		text := fmt.Sprint(i, strings.Repeat("x", chat.MaxContent-10))
		c.post(room, text)
		want = append(want, text)
	}
	var got []string
	pages := 0
	for before := ""; ; pages++ {
		a := c.do("GET", "/messages/"+room+"?fetchSize=200"+before, nil).is(200)
		require.Less(t, len(a.body), chat.MaxRead*5/4)
		var part []string
		for _, m := range a.list("messages") {
			part = append(part, m.(map[string]any)["content"].(string))
		}
		require.NotEmpty(t, part)
		got = append(part, got...)
		if a.object()["hasMore"] != true {
			break
		}
		before = "&before=" + a.list("messages")[0].(map[string]any)["messageId"].(string)
	}
	require.Equal(t, want, got)
	require.Equal(t, 1, pages)

	for _, mount := range []string{K, ""} {
		k := c.at(mount)
		for _, size := range []int{1, 5, 15, 16, 17, n, 200} {
			require.Equal(t, want[max(0, n-size):], k.said(fmt.Sprint("/messages/", room, "?fetchSize=", size)))
		}
		rows := k.do("GET", "/messages/"+room+"?fetchSize=20", nil).list("messages")
		from := rows[3].(map[string]any)["messageId"].(string)
		require.Equal(t, want[:13], k.said("/messages/"+room+"?fetchSize=200&fromMessageId="+from))
	}
	packed := c.at(K).do("GET", "/messages/"+room+"?fetchSize=200", nil, header("Accept-Encoding", "gzip")).is(200)
	require.Equal(t, "gzip", packed.header.Get("Content-Encoding"))
	z, err := gzip.NewReader(strings.NewReader(packed.body))
	require.NoError(t, err)
	z.Multistream(false) // browsers read one stream
	whole, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Equal(t, c.at(K).do("GET", "/messages/"+room+"?fetchSize=200", nil).body, string(whole))
	head := headOf(t, c.at(K), "/messages/"+room+"?fetchSize=200")
	require.Equal(t, 200, head.StatusCode)
}
