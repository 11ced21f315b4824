// Package auth knows who is asking: passwords, sessions, remembered logins, API
// tokens and roles. It knows no HTTP routes; package api/session binds it to cookies.
package auth
