// Package auth authenticates users: by passwords (Accounts), sessions (Sessions), remembered logins (Remember) and API
// tokens (Tokens). Officers checks the roles of administrators, and Eraser erases users.
//
// The package has no HTTP routes; package api/session binds it to cookies. Secrets are stored as hashes only. A login
// that was ended on one node is refused on all others after cache.Brief.
package auth
