#!/usr/bin/env bash
# Tests the store on a real Cassandra that wants a password and obeys what roles may: a keyspace that a DBA has made, a
# role with rights on it alone, and wrong passwords.
#
# Environment: CONFAB_ROLES_PORT  the CQL port of the cluster (20942)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
port=${CONFAB_ROLES_PORT:-20942}
dir=$(mktemp -d)
export CONFAB_CASSANDRA_HEAP=${CONFAB_CASSANDRA_HEAP:-512M}

finish() {
	"$here/cassandra.sh" clean --port "$port" --dir "$dir" >/dev/null 2>&1 || true
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM

"$here/cassandra.sh" start --auth --port "$port" --dir "$dir"
cd "$here/.."
CONFAB_TEST_ROLES="127.0.0.1:$port" CONFAB_TEST_CASSANDRA=off \
	go test -count=1 -timeout 10m -run '^TestARoleWithRightsOnOneKeyspace$' ./pkg/store/cassandra
