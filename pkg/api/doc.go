// Package api is what every HTTP API of the server shares: the rules of methods,
// reading bodies and parameters, negotiation, limits, and the meaning of error kinds as
// HTTP statuses. A dialect is one package below it: it decodes, calls the
// domain and encodes.
package api
