package cassandra

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"

	"github.com/gocql/gocql"
)

// refusal observes connections, and keeps the first error that trying again will not change. The driver itself reports
// only a text in the end.
type refusal struct {
	config Config
	first  atomic.Pointer[error]
}

// ObserveConnect implements gocql.ConnectObserver.
func (r *refusal) ObserveConnect(o gocql.ObservedConnect) {
	if err := r.config.refused(o.Err); err != nil {
		r.first.CompareAndSwap(nil, &err)
	}
}

// err returns nil if nothing was refused.
func (r *refusal) err() error {
	if err := r.first.Load(); err != nil {
		return *err
	}
	return nil
}

// refused returns what to do about an error of a connection that will not go away by itself, and nil for others. It
// does not wrap err, which may look like one of the network.
func (c Config) refused(err error) error {
	var answer gocql.RequestError
	var certificate *tls.CertificateVerificationError
	var alert *net.OpError
	var noTLS tls.RecordHeaderError
	where := strings.Join(c.Hosts, ", ")
	switch {
	case err == nil:
	// Cassandra has one code for a wrong password and for one that it cannot read now.
	case errors.As(err, &answer) && answer.Code() == gocql.ErrCodeCredentials && !strings.Contains(answer.Message(), "Unable to perform authentication"):
		return fmt.Errorf("the Cassandra at %s does not accept the user %q with the password given: %s", where, c.User, answer.Message())
	case strings.HasPrefix(err.Error(), "authentication required"): // the driver has no value for it
		return fmt.Errorf("the Cassandra at %s wants a user and a password, and the settings of the store have none", where)
	case errors.As(err, &certificate):
		return fmt.Errorf("the Cassandra at %s shows a certificate that is not accepted (%s): see tls_ca and tls_server_name in its URL", where, certificate.Error())
	case errors.As(err, &alert) && alert.Op == "remote error": // so crypto/tls reports an alert of the other side
		return fmt.Errorf("the Cassandra at %s refuses the TLS connection (%s): see tls_cert and tls_key in its URL", where, alert.Err.Error())
	case errors.As(err, &noTLS):
		return fmt.Errorf("the Cassandra at %s does not speak TLS, and its URL says that it does", where)
	}
	return nil
}

// withHint adds what to do to an error of a statement that changes the schema.
func (c Config) withHint(err error) error {
	var answer gocql.RequestError
	if !errors.As(err, &answer) || answer.Code() != gocql.ErrCodeUnauthorized {
		return err
	}
	return fmt.Errorf("%w. Have an administrator of Cassandra create the keyspace %s, if it is missing, and run `GRANT ALL PERMISSIONS ON KEYSPACE %s TO %s`",
		err, c.Keyspace, c.Keyspace, c.User)
}
