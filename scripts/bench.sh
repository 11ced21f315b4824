#!/usr/bin/env bash
# Measures both stores and, in the same run, the bare things beside them. The results go to out/bench.
source "$(dirname "$0")/lib.sh"

duration=${DURATION:-8s}
port=${BENCH_PORT:-18080}
cql=${BENCH_CASSANDRA_PORT:-19842}
out=out/bench
work=$(mktemp -d)
server=
mkdir -p "$out"

finish() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	scripts/cassandra.sh stop --port "$cql" --dir "$work/cassandra" >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap finish EXIT

serve() { # STORE
	bin/confab serve --listen "127.0.0.1:$port" --store "$1" --log-level warn >"$work/server.log" 2>&1 &
	server=$!
	for _ in $(seq 300); do
		curl -fs "http://127.0.0.1:$port/readyz" >/dev/null && return
		sleep 0.2
	done
	cat "$work/server.log" >&2
	fail "the server did not get ready"
}

stop() {
	kill "$server"
	wait "$server" || true
	server=
}

measure() { # FILE NAME… [FLAGS]
	local file=$1
	shift
	bin/confab bench "$@" --json --url "http://127.0.0.1:$port" --pid "$server" --duration "$duration" >>"$out/$file"
}

rm -f "$out"/*.json
ulimit -n "$(ulimit -Hn)"

step "embedded store"
serve "embedded:$work/data"
measure embedded.json posts --rooms 16
measure embedded.json bare-http disk --dir "$work"
measure embedded.json posts --rooms 1
measure embedded.json pages
stop

step "delivery"
serve "embedded:$work/data"
measure live.json live --subscribers 1000 --in-flight 1
measure live.json bare-live --subscribers 1000 --in-flight 1
measure live.json live --subscribers 1000 --in-flight 8
measure live.json live --subscribers 5000 --in-flight 1
measure live.json live --subscribers 5000 --in-flight 8
stop
serve "embedded:$work/empty" # memory is read as a difference: nothing else may fill it meanwhile
measure live.json connections --connections "${CONNECTIONS:-10000}"
stop

step "Cassandra"
scripts/cassandra.sh start --port "$cql" --dir "$work/cassandra"
serve "cassandra://127.0.0.1:$cql/confab"
measure cassandra.json posts --rooms 64
measure cassandra.json bare-insert --rooms 64 --cassandra "cassandra://127.0.0.1:$cql/bare"
measure cassandra.json pages
measure cassandra.json bare-select --cassandra "cassandra://127.0.0.1:$cql/bare"
measure cassandra.json posts --rooms 1 --clients 32
stop

bin/confab bench table "$out"/*.json | tee "$out/table.txt"
