package easemob

import (
	"net/url"
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

// page reads limit and cursor: def rows if limit is not given, most if it is more; see sizeOf.
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

// limit returns the size of a page; see sizeOf.
func (c *call) limit(q url.Values, def, most int) (int, error) {
	n, err := sizeOf(q, "limit", def, most)
	if path := c.path(); err != nil && (strings.HasPrefix(path, groups.path) || strings.HasPrefix(path, chatRooms.path)) {
		err = invalidParameter(err)
	}
	return n, err
}

// sizeOf reads how many rows of a list are wanted: a number from 1 on, def if none is given. More than most counts as most, as
// clients ask for more.
func sizeOf(q url.Values, name string, def, most int) (int, error) {
	n, err := api.Int(q, name, def)
	if err != nil || n < 1 {
		return 0, illegal("%s has to be a whole number from 1 on; more than %d counts as %d", name, most, most)
	}
	return min(n, most), nil
}

// numberedPage reads pagenum, from 1 on (0 is 1), and pagesize; see sizeOf. from is how many rows come before the page.
func (c *call) numberedPage(q url.Values, def, most int) (from, size int, err error) {
	page, err := api.Int(q, "pagenum", 1)
	if err != nil || page < 0 || page > 1<<30 {
		return 0, 0, badParameter("pagenum has to be a whole number from 1 on")
	}
	if size, err = sizeOf(q, "pagesize", def, most); err != nil {
		return 0, 0, invalidParameter(err)
	}
	return (max(page, 1) - 1) * size, size, nil
}
