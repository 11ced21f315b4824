package cassandra

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/chat"
)

// asChat converts an error of the driver to one of the domain: Unavailable if the cluster cannot answer now, otherwise
// Internal.
func asChat(err error) error {
	var known *chat.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case unavailable(err):
		return chat.ErrUnavailable(err)
	default:
		return &chat.Error{Kind: chat.Internal, Message: "the data could not be read or written", Cause: err}
	}
}

func unavailable(err error) bool {
	for _, target := range []error{
		context.DeadlineExceeded, context.Canceled, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		gocql.ErrNoConnections, gocql.ErrNoConnectionsStarted, gocql.ErrNoHosts, gocql.ErrTimeoutNoResponse,
		gocql.ErrConnectionClosed, gocql.ErrSessionClosed, gocql.ErrNoStreams, gocql.ErrUnavailable,
		gocql.ErrHostQueryFailed, gocql.ErrTooManyTimeouts,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	var network net.Error
	if errors.As(err, &network) {
		return true
	}
	var answer gocql.RequestError
	if errors.As(err, &answer) {
		switch answer.Code() {
		case gocql.ErrCodeUnavailable, gocql.ErrCodeOverloaded, gocql.ErrCodeBootstrapping,
			gocql.ErrCodeWriteTimeout, gocql.ErrCodeReadTimeout, gocql.ErrCodeReadFailure,
			gocql.ErrCodeWriteFailure, gocql.ErrCodeCASWriteUnknown:
			return true
		}
	}
	return false
}

// uncertain reports whether a lightweight transaction that failed with err may have been applied. If the answer refuses
// the statement, it was not.
func uncertain(err error) bool {
	if errors.Is(err, gocql.ErrNoConnections) || errors.Is(err, gocql.ErrSessionClosed) {
		return false
	}
	var answer gocql.RequestError
	if errors.As(err, &answer) {
		switch answer.Code() {
		case gocql.ErrCodeWriteTimeout, gocql.ErrCodeReadTimeout, gocql.ErrCodeWriteFailure,
			gocql.ErrCodeReadFailure, gocql.ErrCodeCASWriteUnknown, gocql.ErrCodeUnavailable, gocql.ErrCodeServer:
			return true
		}
		return false
	}
	return unavailable(err)
}

// tooFew reports whether a node answered that there are not enough replicas. A repetition would get the same answer.
func tooFew(err error) bool {
	var answer gocql.RequestError
	return errors.As(err, &answer) && answer.Code() == gocql.ErrCodeUnavailable
}

// timedOut reports whether a node answered that other nodes did not answer it in time, or that it timed out itself.
func timedOut(err error) bool {
	var answer gocql.RequestError
	return errors.As(err, &answer) && (answer.Code() == gocql.ErrCodeReadTimeout || answer.Code() == gocql.ErrCodeWriteTimeout)
}

// retryIdempotent tries a statement that may run twice on up to two more hosts.
type retryIdempotent struct{}

func (retryIdempotent) Attempt(q gocql.RetryableQuery) bool {
	return q.Attempts() <= 2 && q.Context().Err() == nil
}

func (retryIdempotent) GetRetryType(err error) gocql.RetryType {
	// Too many tombstones are the same on all hosts.
	if unavailable(err) && !tooManyTombstones(err) {
		return gocql.RetryNextHost
	}
	return gocql.Rethrow
}
