// Package move copies the data of a store to another one, through a file. Export writes the file, from a Source; Import
// reads it, into a Sink, and returns a Report.
//
// The file is text: one JSON object a line, each with one member, whose name is the kind of the
// line.
//
//	{"confab":{"version":7,"exportedAt":"…"}}       the header, first
//	{"user":{"tenant":"default","login":"ann",…}}   accounts, with their password hashes
//	{"role":{…}}  {"token":{…}}                     roles, and the hashes of API tokens
//	{"entry":{"space":"…","id":"…",…}}              organisations, apps, and their accounts with their password hashes
//	{"room":{"tenant":"default","id":"…",…}}        a room, and after it what belongs to it:
//	{"member":{"login":"ann",…}}                    its participants,
//	{"message":{"id":"…",…}}                        its messages, oldest first
//	{"change":{"id":"…","message":"…",…}}           the changes of its messages, oldest first
//	{"footprint":{"login":"ann","room":"…",…}}      the rooms that a user is or was in, to find the user's data
//	{"file":{"tenant":"default","id":"…",…}}        a file that somebody sent, and after it
//	{"piece":{"at":0,"data":"…"}}                   its bytes, in order
//	{"end":{"messages":5,…,"digest":"…"}}           counts and digest of the file, last
//
// A bucket of files may be so large that nobody wants to copy it. Without ExportOptions.Files the bytes stay where they are, and
// the new store needs the same bucket: files have the same keys there.
//
// Sessions, remembered logins, idempotency keys and the server's own secrets are not copied. Users log in again.
//
// The digest does not depend on the order of users and rooms, which differs between stores. Two files hold the same
// data if their last lines are equal. A line or a member that this version does not know is an error, so that no data
// is omitted silently.
package move
