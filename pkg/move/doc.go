// Package move carries all that a store keeps to another one, through a file.
//
// The file is text: one JSON object a line, each with one member, whose name is the kind of the
// line.
//
//	{"confab":{"version":2,"exportedAt":"…"}}       the header, first
//	{"user":{"tenant":"default","login":"ann",…}}   accounts, with their password hashes
//	{"role":{…}}  {"token":{…}}                     roles, and the hashes of API tokens
//	{"room":{"tenant":"default","id":"…",…}}        a room, and after it what belongs to it:
//	{"member":{"login":"ann",…}}                    its participants,
//	{"message":{"id":"…",…}}                        its messages, oldest first
//	{"change":{"id":"…","message":"…",…}}           what happened to them and when, oldest first
//	{"footprint":{"login":"ann","room":"…",…}}      the rooms that people are or were in, to find what is theirs
//	{"end":{"messages":5,…,"digest":"…"}}           what the file has to hold, last
//
// Sessions, remembered logins, idempotency keys and the server's own secrets stay where they are:
// people log in again.
//
// The digest does not depend on the order of users and rooms, which differs between stores: two files
// hold the same if their last lines are the same. A line or a member that this version does not know is
// an error: nothing is left out in silence.
package move
