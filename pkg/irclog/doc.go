// Package irclog reads IRC channel logs and imports them into a room. Reader returns the events of one log; Import
// writes the messages and accounts of many logs to Stores, and returns a Report.
//
// A log is a text file with a date in its name (2006-08-23.txt), which the logs of irssi, WeeChat and HexChat do not need:
// their lines have dates, and a file may hold years. The form of a file is that of its first line with a time; see Forms.
// That of Ubuntu's logs is
//
//	[HH:MM] <nick> text
//	[HH:MM]  * nick does something
//	=== nick does something
//	=== nick [user@host]  has joined|left|quit #channel ["reason"]
//	=== nick was kicked off #channel by nick (reason)
//	=== nick is now known as nick
//	=== nick changed the topic of #channel to: text
//	=== mode/#channel [+o nick]  by nick
//
// Lines with === carry no time: they happen at the time of the line before, or,
// at the top of a file, of the first line that has one. Times are those of the zone that is given, or UTC.
//
// # Time never goes back
//
// Lines keep their order, regardless of their clock. A clock that falls by six hours or more has wrapped around: by a
// day, or by half a day in a file whose clock has shown nothing later than 11:59. (Some loggers wrote twelve hours
// without the half. Such a file is assumed to start in the morning.) A clock that falls by less was set back: the time
// does not advance until the clock has caught up.
//
// # Text
//
// A line that is not UTF-8 is decoded as Windows-1252. There is one exception: if only the last character is cut in
// two, because servers cut long lines, that character is dropped. Formatting codes (bold, colours and so on) are
// removed. Nothing else is changed.
package irclog
