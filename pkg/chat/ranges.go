package chat

import "strings"

// Range selects a part of a list that is ordered by name: at most Limit items after the name After (empty: from the
// first), without the first Start of them. Start reads all items that it skips: use it to browse, and After to walk the
// whole list.
type Range struct {
	After string
	Start int
	Limit int
}

// MaxList is the maximum length of a list in one answer. A greater limit counts as MaxList.
const MaxList = 1000

// skipPage is how many items are read at a time to be skipped.
const skipPage = 1000

// position returns the place of after among names, as a text that every store can compare: one that is longer than names are,
// or not ASCII, is replaced by one that has the same names after it.
func position(after string) string {
	if i := strings.IndexFunc(after, func(c rune) bool { return c >= 0x7f }); i >= 0 {
		after = after[:i] + "\x7f" // greater than all letters of names
	}
	return after[:min(len(after), MaxName+1)]
}

// rangeOf reads a range with list and reports whether there are more items after it.
func rangeOf[T any](rg Range, list func(after string, limit int) ([]T, error), name func(T) string) ([]T, bool, error) {
	limit := min(rg.Limit, MaxList)
	after := position(rg.After)
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
