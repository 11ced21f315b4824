package irclog

import "time"

// In seconds.
const (
	minute   = 60
	day      = 24 * 60 * minute
	halfDay  = day / 2
	goneByAt = 6 * 60 * minute // a clock that falls by this much has wrapped around
)

// clock converts the clock readings of one file, in seconds of a day, to times that never go back. See "Time never goes
// back" in the package's comment.
type clock struct {
	zone   *time.Location
	date   time.Time // midnight UTC of the day in zone
	last   int       // the last reading
	offset int       // seconds to add to readings
	now    time.Time
	late   bool
	steps  int // readings that went back without wrapping around
}

func newClock(date time.Time, zone *time.Location) clock {
	c := clock{zone: zone}
	c.setDate(date)
	return c
}

// setDate sets the day of the readings that follow.
func (c *clock) setDate(date time.Time) {
	y, m, d := date.Date()
	c.date, c.offset, c.last, c.late = time.Date(y, m, d, 0, 0, 0, 0, time.UTC), 0, 0, false
	c.advance(0)
}

// advance lets time go on to a number of seconds after the beginning of the day, by the zone's own clock.
func (c *clock) advance(seconds int) {
	y, m, d := c.date.Date()
	if at := time.Date(y, m, d, 0, 0, seconds, 0, c.zone).UTC(); at.After(c.now) {
		c.now = at
	}
}

// first sets the first reading. Lines before it that have no time get its time.
func (c *clock) first(reading int) {
	c.last = reading
	c.advance(reading)
}

// read takes the next reading.
func (c *clock) read(reading int) {
	c.late = c.late || reading >= halfDay
	switch fell := c.last - reading; {
	case fell >= goneByAt && c.late:
		c.offset += day
	case fell >= goneByAt:
		c.offset += halfDay
	case fell > 0:
		c.steps++
	}
	c.last = reading
	c.advance(c.offset + reading)
}

// take takes the stamp of a line: a day, a reading or both.
func (c *clock) take(s stamp) {
	if date, ok := s.dateAfter(c.date); ok && !date.Equal(c.date.AddDate(0, 0, c.offset/day)) {
		if date.Before(c.date) {
			c.steps++
		}
		c.setDate(date)
	}
	if s.second != noTime {
		c.read(s.second)
	}
}
