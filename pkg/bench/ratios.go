package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	{"pages", "bare-select", "pages to the same selects by bare gocql"},
	{"live", "bare-live", "deliveries to those of a bare WebSocket hub"},
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

// WriteRatios writes how the rates of one run compare, a line each, for the benchmarks that are among rs. Of several
// results of one name the first counts.
func WriteRatios(w io.Writer, rs ...Result) error {
	first := map[string]Result{}
	for _, r := range rs {
		if _, ok := first[r.Name]; !ok {
			first[r.Name] = r
		}
	}
	for _, x := range ratios {
		of, ok := first[x.of]
		to, ok2 := first[x.to]
		if !ok || !ok2 || to.Rate == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "%5.0f %%  %s\n", 100*of.Rate/to.Rate, x.says); err != nil {
			return err
		}
	}
	return nil
}
