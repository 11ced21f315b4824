package chat

// Range says which part of a list ordered by name is wanted: at most Limit
// things after the name After (empty: from the first), the first Start of them left out. Start reads all it
// leaves out: it is for browsing, After for walking.
type Range struct {
	After string
	Start int
	Limit int
}

// MaxList is the greatest length of a list in one answer; more is counted as this.
const MaxList = 1000

// skipPage is how many things are read at once to be left out.
const skipPage = 1000

// rangeOf reads a range with list, and says whether there is more after it.
func rangeOf[T any](rg Range, list func(after string, limit int) ([]T, error), name func(T) string) ([]T, bool, error) {
	limit := min(rg.Limit, MaxList)
	after := rg.After
	for start := rg.Start; start > 0; {
		n := min(start, skipPage)
		part, err := list(after, n)
		if err != nil {
			return nil, false, err
		}
		if len(part) < n {
			return []T{}, false, nil
		}
		start -= n
		after = name(part[n-1])
	}
	out, err := list(after, limit+1)
	if err != nil {
		return nil, false, err
	}
	if len(out) > limit {
		return out[:limit], true, nil
	}
	return out, false, nil
}
