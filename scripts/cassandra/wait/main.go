// Command wait returns when a Cassandra node answers a CQL query: status 0, or 1
// when the time is over. Usage: wait [-for 2m] HOST:PORT
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/gocql/gocql"
)

func main() {
	limit := flag.Duration("for", 2*time.Minute, "how long to wait; 0 tries once")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: wait [-for 2m] HOST:PORT")
		os.Exit(2)
	}
	if err := wait(flag.Arg(0), *limit); err != nil {
		fmt.Fprintf(os.Stderr, "%s does not answer: %v\n", flag.Arg(0), err)
		os.Exit(1)
	}
}

func wait(address string, limit time.Duration) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("port %q is no number", port)
	}
	for end := time.Now().Add(limit); ; time.Sleep(250 * time.Millisecond) {
		if err = query(host, number); err == nil || time.Now().After(end) {
			return err
		}
	}
}

// query asks this one node, without its peers.
func query(host string, port int) error {
	c := gocql.NewCluster(host)
	c.Port = port
	c.ProtoVersion = 4
	c.NumConns = 1
	c.Timeout = 5 * time.Second
	c.ConnectTimeout = 2 * time.Second
	c.DisableInitialHostLookup = true
	c.Consistency = gocql.One
	c.Authenticator = gocql.PasswordAuthenticator{Username: "cassandra", Password: "cassandra"} // of a cluster with --auth
	c.Logger = log.New(io.Discard, "", 0)
	s, err := c.CreateSession()
	if err != nil {
		return err
	}
	defer s.Close()
	var version string
	return s.Query("SELECT release_version FROM system.local").Scan(&version)
}
