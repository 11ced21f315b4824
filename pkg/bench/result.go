package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Result is what one benchmark measured. What was not measured is zero.
type Result struct {
	Name       string  `json:"name"`
	Setting    string  `json:"setting"`        // in words: clients, sizes and so on
	Room       string  `json:"room,omitempty"` // that was there before, if it was about one
	Operations int64   `json:"operations"`
	Errors     int64   `json:"errors"` // operations that were answered with an error; not in Operations
	FirstError string  `json:"first_error,omitempty"`
	Seconds    float64 `json:"seconds"`
	Rate       float64 `json:"per_second"`
	Latency    Latency `json:"latency"`
	// ServerCPU and ClientCPU are microseconds of CPU an operation, of all cores.
	ServerCPU float64 `json:"server_cpu_us_per_op,omitempty"`
	ClientCPU float64 `json:"client_cpu_us_per_op,omitempty"`
	ServerRSS int64   `json:"server_rss_bytes,omitempty"`
	// More are a benchmark's own numbers; the unit is in the name.
	More map[string]float64 `json:"more,omitempty"`
}

func (r *Result) more(name string, v float64) {
	if r.More == nil {
		r.More = map[string]float64{}
	}
	r.More[name] = v
}

// WriteJSON writes one JSON object a result and line.
func WriteJSON(w io.Writer, rs ...Result) error {
	e := json.NewEncoder(w)
	for _, r := range rs {
		if err := e.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// WriteTable writes results for people to read.
func WriteTable(w io.Writer, rs ...Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "benchmark\tops/s\tops\terrors\tp50\tp90\tp99\tmax\tserver CPU/op\tserver RSS\t  setting")
	for _, r := range rs {
		fmt.Fprintf(t, "%s\t%.0f\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t  %s\n", r.Name, r.Rate, r.Operations, r.Errors,
			inWords(r.Latency.P50), inWords(r.Latency.P90), inWords(r.Latency.P99), inWords(r.Latency.Max),
			inWords(r.ServerCPU), mebibytes(r.ServerRSS), r.Setting)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, r := range rs {
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(r.More)) {
			parts = append(parts, fmt.Sprintf("%s %.4g", k, r.More[k]))
		}
		if r.FirstError != "" {
			parts = append(parts, fmt.Sprintf("first error: %s", r.FirstError))
		}
		if len(parts) > 0 {
			if _, err := fmt.Fprintf(w, "%s: %s\n", r.Name, strings.Join(parts, ", ")); err != nil {
				return err
			}
		}
	}
	return nil
}

func inWords(us float64) string {
	if us == 0 {
		return "-"
	}
	d := time.Duration(us * 1e3)
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(100 * time.Nanosecond).String()
}

func mebibytes(n int64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
