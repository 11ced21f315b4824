package easemob

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/confab-chat/confab/pkg/api"
	"github.com/confab-chat/confab/pkg/id"
)

// page is the part of a list that a call asks for.
type page struct {
	url.Values // the query
	limit      int
	// at is the position that the cursor stands for; empty: the beginning.
	at string
}

// id is the position of a list of what has ids; zero: the beginning. Only the server makes cursors, so it is one.
func (p page) id() id.ID {
	u, _ := id.Parse(p.at)
	return u
}

// page reads limit and cursor: def rows if limit is not given, most if it is more.
func (c *call) page(def, most int) (page, error) {
	return c.pageOf(def, most, func(url.Values) string { return "" })
}

// pageOf is page for a list that a query selects; see positionOf.
func (c *call) pageOf(def, most int, query func(url.Values) string) (p page, err error) {
	if p.Values, err = c.query(); err != nil {
		return p, err
	}
	if p.limit, err = c.limit(p.Values, def, most); err != nil {
		return p, err
	}
	p.at, err = c.positionOf(p.Values, query(p.Values))
	return p, err
}

// rows is the answer with a list.
func rows[T any](list []T) answer { return answer{data: list, count: counted(len(list))} }

// limit returns the size of a page: from 1 to most, more counting as most, def if it is not given.
func (c *call) limit(q url.Values, def, most int) (int, error) {
	if !q.Has("limit") {
		return def, nil
	}
	n, err := api.Int(q, "limit", def)
	if err == nil && n >= 1 {
		return min(n, most), nil
	}
	err = illegal("limit has to be a whole number from 1 to %d", most)
	if path := c.path(); strings.HasPrefix(path, groups.path) || strings.HasPrefix(path, chatRooms.path) {
		err = invalidParameter(err)
	}
	return 0, err
}

// numberedPage reads pagenum, from 1 on (0 is 1), and pagesize. from is how many rows come before the page.
func (c *call) numberedPage(q url.Values, def, most int) (from, size int, err error) {
	page, err := api.Int(q, "pagenum", 1)
	if err != nil || page < 0 || page > 1<<30 {
		return 0, 0, badParameter("pagenum has to be a whole number from 1 on")
	}
	if size, err = api.Int(q, "pagesize", def); err != nil || size < 1 {
		return 0, 0, badParameter("pagesize has to be a whole number from 1 to " + strconv.Itoa(most))
	}
	size = min(size, most)
	return (max(page, 1) - 1) * size, size, nil
}
