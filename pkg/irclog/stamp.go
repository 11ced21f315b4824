package irclog

import "time"

// stamp is the time of a line, as far as the line tells it.
type stamp struct {
	date   time.Time // midnight UTC; zero if the line has none. Year 0: only month and day
	second int       // of the day; noTime if the line has none
}

const noTime = -1

var noStamp = stamp{second: noTime}

// dateAfter returns the date of the stamp, if it has one. A year that is left out is the one in which the date is nearest to
// another date of the file.
func (s stamp) dateAfter(other time.Time) (time.Time, bool) {
	if s.date.IsZero() || s.date.Year() != 0 {
		return s.date, !s.date.IsZero()
	}
	best := time.Time{}
	for year := other.Year() - 1; year <= other.Year()+1; year++ {
		d := time.Date(year, s.date.Month(), s.date.Day(), 0, 0, 0, 0, time.UTC)
		if best.IsZero() || d.Sub(other).Abs() < best.Sub(other).Abs() {
			best = d
		}
	}
	return best, true
}

// at reads a time by a layout of package time.
func at(layout, text string) (stamp, bool) {
	t, err := time.Parse(layout, text)
	if err != nil {
		return noStamp, false
	}
	y, m, d := t.Date()
	return stamp{date: time.Date(y, m, d, 0, 0, 0, 0, time.UTC), second: t.Hour()*60*minute + t.Minute()*minute + t.Second()}, true
}

// clockTime reads HH:MM or HH:MM:SS at the beginning of s.
func clockTime(s string) (second int, rest string, ok bool) {
	if len(s) < 5 || s[2] != ':' {
		return noTime, s, false
	}
	h, ok1 := twoDigits(s[0:2])
	m, ok2 := twoDigits(s[3:5])
	if !ok1 || !ok2 || h > 23 || m > 59 {
		return noTime, s, false
	}
	second, rest = h*60*minute+m*minute, s[5:]
	if len(rest) >= 3 && rest[0] == ':' {
		if s, ok := twoDigits(rest[1:3]); ok && s <= 60 {
			return second + s, rest[3:], true
		}
	}
	return second, rest, true
}

func twoDigits(s string) (int, bool) {
	a, b := s[0]-'0', s[1]-'0'
	return int(a)*10 + int(b), a <= 9 && b <= 9
}
