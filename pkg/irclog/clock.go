package irclog

import "time"

const (
	day      = 24 * 60
	halfDay  = 12 * 60
	goneByAt = 6 * 60 // a clock that falls by this much has wrapped around
)

// clock converts the clock readings of one file, in minutes of a day, to times that never go back. See "Time never goes
// back" in the package's comment.
type clock struct {
	date   time.Time
	last   int // the last reading
	offset int // minutes to add to readings
	now    int // minutes since date
	late   bool
	steps  int // readings that went back without wrapping around
}

// first sets the first reading. Lines before it that have no time get its time.
func (c *clock) first(minute int) { c.last, c.now = minute, minute }

// read takes the next reading and returns its time.
func (c *clock) read(minute int) time.Time {
	c.late = c.late || minute >= halfDay
	switch fell := c.last - minute; {
	case fell >= goneByAt && c.late:
		c.offset += day
	case fell >= goneByAt:
		c.offset += halfDay
	case fell > 0:
		c.steps++
	}
	c.last = minute
	c.now = max(c.now, c.offset+minute)
	return c.time()
}

func (c *clock) time() time.Time { return c.date.Add(time.Duration(c.now) * time.Minute) }
