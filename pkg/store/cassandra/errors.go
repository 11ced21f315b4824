package cassandra

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/gocql/gocql"

	"github.com/confab-chat/confab/pkg/chat"
)

// asChat turns an error of the driver into the domain's: Unavailable when the cluster
// cannot answer now, otherwise Internal.
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

// uncertain reports whether a lightweight transaction that failed with err may have
// taken effect. An answer that refuses the statement is certain.
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

// tooFew reports whether a node answered that there are not enough replicas: the next attempt would have the same answer.
func tooFew(err error) bool {
	var answer gocql.RequestError
	return errors.As(err, &answer) && answer.Code() == gocql.ErrCodeUnavailable
}

// timedOut reports whether a node answered that others, or the one it asked itself, did not in time.
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
	// With too many tombstones it is the same on all hosts.
	if unavailable(err) && !tooManyTombstones(err) {
		return gocql.RetryNextHost
	}
	return gocql.Rethrow
}
