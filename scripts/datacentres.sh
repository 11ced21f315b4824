#!/usr/bin/env bash
# Tests the store on a real Cassandra with one node in each of two data centres: what is claimed in both at the same
# moment, and what is answered when one is away. Takes a few minutes, most of them for starting nodes.
#
# Environment: CONFAB_DATACENTRES_PORT  the CQL port of the cluster (19942)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
port=${CONFAB_DATACENTRES_PORT:-19942}
dir=$(mktemp -d)
export CONFAB_CASSANDRA_HEAP=${CONFAB_CASSANDRA_HEAP:-512M}

finish() {
	"$here/cassandra.sh" clean --port "$port" --dir "$dir" >/dev/null 2>&1 || true
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM

"$here/cassandra.sh" start --nodes 2 --dcs 2 --port "$port" --dir "$dir"
cd "$here/.."
CONFAB_TEST_DATACENTRES="$dir" CONFAB_TEST_DATACENTRES_PORT="$port" CONFAB_TEST_CASSANDRA="127.0.0.1:$port" \
	go test -count=1 -timeout 10m -run '^TestTwoDatacentres$' ./pkg/store/cassandra
