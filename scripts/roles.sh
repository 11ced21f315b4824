#!/usr/bin/env bash
# Tests the store on a real Cassandra that wants a password and obeys what roles may: a keyspace that a DBA has made, a
# role with rights on it alone, and wrong passwords.
#
# Environment: CONFAB_ROLES_PORT  the CQL port of the cluster (20942)
source "$(dirname "$0")/lib.sh"

port=${CONFAB_ROLES_PORT:-20942}
own_cassandra "$port" --auth --quick-schema
CONFAB_TEST_ROLES="127.0.0.1:$port" CONFAB_TEST_CASSANDRA=off \
	go test -count=1 -timeout 10m -run '^TestARoleWithRightsOnOneKeyspace$' ./pkg/store/cassandra
