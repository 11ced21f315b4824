package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ratio compares the rates of two benchmarks of one run.
type ratio struct {
	of, to string
	says   string
}

var ratios = []ratio{
	{"posts", "bare-http", "durable posts to requests that a bare net/http handler answers with 204"},
	{"posts", "disk", "durable posts to the disk's own syncs, one after the other"},
	{"posts", "bare-insert", "posts to the same inserts by bare gocql"},
	{"pages-newest", "bare-select", "pages to the same selects by bare gocql"},
	{"live", "bare-live", "deliveries to those of a bare WebSocket hub"},
	{"send-many", "send-one", "deliveries of messages to 600 users each to messages that are sent one by one"},
}

// ReadJSON reads what WriteJSON wrote.
func ReadJSON(r io.Reader) ([]Result, error) {
	var rs []Result
	d := json.NewDecoder(r)
	for {
		var one Result
		err := d.Decode(&one)
		if errors.Is(err, io.EOF) {
			return rs, nil
		}
		if err != nil {
			return nil, fmt.Errorf("results: %w", err)
		}
		rs = append(rs, one)
	}
}

// compared is what a run says about a ratio: says holds for every run.
type compared struct {
	says  string
	value float64
}

// compare finds the ratios of one run. Of several results of one name and room the first counts; a page of a room that
// was there before is compared with the same page of the room measured first: how the cost of a page grows with a history.
func compare(rs []Result) (out []compared) {
	first := map[string]Result{}
	small := map[string]Result{}
	for _, r := range rs {
		if r.Room == "" {
			if _, ok := first[r.Name]; !ok {
				first[r.Name] = r
			}
			continue
		}
		s, ok := small[r.Name]
		if !ok {
			small[r.Name] = r
			continue
		}
		if r.Room != s.Room && r.Rate > 0 {
			out = append(out, compared{fmt.Sprintf("the time of a page of the room %s to that of %s: %s",
				r.Room, s.Room, strings.TrimPrefix(r.Name, "pages-")), s.Rate / r.Rate})
		}
	}
	for _, x := range ratios {
		of, ok := first[x.of]
		to, ok2 := first[x.to]
		if ok && ok2 && to.Rate > 0 {
			out = append(out, compared{x.says, of.Rate / to.Rate})
		}
	}
	return out
}

// WriteRatios writes how the rates within each run compare, a line each: of several runs the least, and the greatest.
func WriteRatios(w io.Writer, runs ...[]Result) error {
	var order []string
	all := map[string][]float64{}
	for _, rs := range runs {
		for _, c := range compare(rs) {
			if all[c.says] == nil {
				order = append(order, c.says)
			}
			all[c.says] = append(all[c.says], c.value)
		}
	}
	for _, says := range order {
		least, most := all[says][0], all[says][0]
		for _, v := range all[says] {
			least, most = min(least, v), max(most, v)
		}
		value := fmt.Sprintf("%.0f %%", 100*least)
		if len(runs) > 1 {
			value = fmt.Sprintf("%.0f–%.0f %%", 100*least, 100*most)
		}
		if _, err := fmt.Fprintf(w, "%11s  %s\n", value, says); err != nil {
			return err
		}
	}
	return nil
}
