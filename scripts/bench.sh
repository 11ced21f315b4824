#!/usr/bin/env bash
# Measures both stores and, in the same run, the bare things beside them. The results go to out/bench, a folder a run.
#
# Environment: RUNS      how often all of it is done (1)
#              DURATION  of each measurement (8s)
#              HISTORY   messages in the big room whose pages are compared with those of a room of 1,000 (1000000)
#              ACCOUNTS  users of the app whose list is read (100000); on Cassandra a tenth of them
source "$(dirname "$0")/lib.sh"

runs=${RUNS:-1}
duration=${DURATION:-8s}
history=${HISTORY:-1000000}
accounts=${ACCOUNTS:-100000}
port=${BENCH_PORT:-18080}
cql=${BENCH_CASSANDRA_PORT:-19842}
out=out/bench
work=$(mktemp -d)
server=

finish() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	scripts/cassandra.sh stop --port "$cql" --dir "$work/cassandra" >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap finish EXIT

serve() { # STORE [FLAGS]
	local store=$1
	shift
	bin/confab serve --listen "127.0.0.1:$port" --store "$store" --log-level warn "$@" >"$work/server.log" 2>&1 &
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
	bin/confab bench "$@" --json --url "http://127.0.0.1:$port" --pid "$server" --duration "$duration" >>"$out/$run/$file"
}

fill() { # STORE
	bin/confab bench fill --store "$1" --log-level warn --room small --messages 1000 --years 0.02 # a week: as dense as the big one
	bin/confab bench fill --store "$1" --log-level warn --room big --messages "$history"
}

histories() { # FILE
	local page
	for page in newest oldest middle around date; do
		measure "$1" pages --room small --page "$page"
		measure "$1" pages --room big --page "$page"
	done
}

one() {
	step "embedded store"
	serve "embedded:$work/data" --limits off
	measure embedded.json posts --rooms 16
	measure embedded.json bare-http disk --dir "$work"
	measure embedded.json posts --rooms 1
	measure embedded.json pages --rooms 64 --fill 300
	stop
	fill "embedded:$work/data"
	serve "embedded:$work/data" --limits off
	histories embedded.json
	stop

	step "delivery"
	serve "embedded:$work/data" --limits off
	measure live.json live --subscribers 1000 --in-flight 1
	measure live.json bare-live --subscribers 1000 --in-flight 1
	measure live.json live --subscribers 1000 --in-flight 8
	measure live.json live --subscribers 5000 --in-flight 1
	measure live.json live --subscribers 5000 --in-flight 8
	stop
	# Memory is read as a difference: garbage of before may not hide what is needed now.
	GOGC=100 serve "embedded:$work/empty" --limits off
	measure live.json connections --connections "${CONNECTIONS:-10000}"
	stop

	step "files"
	# A gigabyte by 20 clients at the same time, into little memory: the peak is that of the server since its start.
	serve "embedded:$work/files" --limits off --memory 512MiB --max-file-bytes 104857600
	measure files.json uploads --clients 20 --count 20
	stop
	rm -rf "$work/files"

	step "platform"
	# Memory as above. One message to 600 users, beside as many to one each.
	export CONFAB_ADMIN_LOGIN=administrator CONFAB_ADMIN_PASSWORD="a password of an administrator"
	GOGC=100 serve "embedded:$work/streams" --limits off
	measure platform.json streams --connections "${CONNECTIONS:-10000}"
	stop
	serve "embedded:$work/streams" --limits off
	measure platform.json send-many
	measure platform.json send-one
	measure platform.json accounts --fill "$accounts"
	stop

	step "attacks"
	# With the limits that operators have by default, and little memory: 5,000 idle sockets, and honest users whose posts go on.
	serve "embedded:$work/attacked" --memory 512MiB
	measure attacks.json attacks --connections 5000
	stop

	step "Cassandra"
	scripts/cassandra.sh start --port "$cql" --dir "$work/cassandra"
	serve "cassandra://127.0.0.1:$cql/confab" --limits off
	# A fresh Java is slow: whoever came first would lose.
	bin/confab bench posts --rooms 64 --url "http://127.0.0.1:$port" --duration 30s >/dev/null
	bin/confab bench bare-insert --rooms 64 --cassandra "cassandra://127.0.0.1:$cql/bare" --duration 15s >/dev/null
	measure cassandra.json posts --rooms 64
	measure cassandra.json bare-insert --rooms 64 --cassandra "cassandra://127.0.0.1:$cql/bare"
	measure cassandra.json pages --rooms 64 --fill 300
	measure cassandra.json bare-select --rooms 64 --fill 300 --cassandra "cassandra://127.0.0.1:$cql/bare"
	measure cassandra.json send-many
	measure cassandra.json send-one
	measure cassandra.json accounts --fill $((accounts / 10))
	measure cassandra.json posts --rooms 1 --clients 32
	measure cassandra.json pages --rooms 1
	fill "cassandra://127.0.0.1:$cql/confab"
	histories cassandra.json
	stop
	scripts/cassandra.sh stop --port "$cql" --dir "$work/cassandra"
}

rm -rf "$out"
ulimit -n "$(ulimit -Hn)"
for ((run = 1; run <= runs; run++)); do
	[ "$runs" = 1 ] || step "run $run of $runs"
	mkdir -p "$out/$run"
	one
	rm -rf "${work:?}"/*
done

step "the page"
scripts/web.sh speed | tee "$out/page.txt"

for file in embedded live files platform attacks cassandra; do
	bin/confab bench table "$out"/*/$file.json
done | tee "$out/table.txt"
