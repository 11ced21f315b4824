// Package inbox keeps the mailbox of each account: which messages wait for it.
//
// A mailbox is a log of references, each a Ref: the log that a message is in, its id, and why it came. A reference has a
// Position, the number of its arrival in this mailbox. It waits until the message is acknowledged, in any order. As
// references are no copies, an edit, a recall or the end of a message's time shows in every mailbox.
//
//	err := boxes.Append(ctx, who, inbox.Ref{Log: room, Message: m, Reason: inbox.ToGroup})
//	refs, next, err := boxes.Waiting(ctx, who, 0, 100) // from the first position on
//	n, err := boxes.Acknowledge(ctx, who, []id.ID{m})
//	n, err = boxes.Count(ctx, who)
//
// # How it is kept
//
// A mailbox has one state, which is replaced by compare-and-swap. It holds how many references have arrived (tail), how many
// wait, a low-water mark below which everything is acknowledged, the spans beyond it that are acknowledged, and the newest 64 to
// 127 references themselves. Older ones leave the state 64 at a time, in this order:
//
//  1. Those that still wait are written as a page, which has the number of its positions divided by 64.
//  2. A note for each of the 64 says at which position its message is.
//  3. The state without them replaces the one before. If that fails, or the server dies, 1 and 2 are harmless: the page is
//     the same when it is written anew, and acknowledged references in it are acknowledged in the state.
//
// So the count costs one read, however much waits; so does opening a mailbox in which nothing waits, however much came
// before. A message that is appended twice is found in the state or in the notes.
//
// When too many spans are acknowledged beyond the mark, the shortest ones are written into their pages: the page is
// replaced by one without these references, and then the state by one without these spans. A page that has become empty
// stays until the mark has passed it, so that a late step 1 does not bring it back.
//
// # What is guaranteed
//
// When Append returns nil, each message is in the mailbox exactly once, whoever has appended it how often and concurrently.
// When Acknowledge returns nil, the messages wait no more. Positions rise in the order in which Append calls have ended.
// After Unavailable the outcome is unknown and repeating the call is safe. All methods may be called concurrently, on several servers.
package inbox
