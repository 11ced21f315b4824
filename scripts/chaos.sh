#!/usr/bin/env bash
# Loads a server on a real three-node Cassandra (three copies) while nodes are killed, brought back and
# paused, and looks for every acknowledged message at the end. Meanwhile messages are sent to 600 users of an app each, and every
# one of them has to have each once. `make chaos` runs it.
#
#   scripts/chaos.sh          kill a node and bring it back, kill another, pause one for 10 s
#   scripts/chaos.sh --short  kill one node and bring it back
#
# Environment: CONFAB_CHAOS_PORT    the CQL port of the cluster (19842)
#              CONFAB_CHAOS_LISTEN  where the server listens (127.0.0.1:18699)
#              CONFAB_CHAOS_RATE    posts a second, and as many reads (100)
#              CONFAB_CHAOS_DIR     where data and logs are (a new folder, removed at the end)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
port=${CONFAB_CHAOS_PORT:-19842}
listen=${CONFAB_CHAOS_LISTEN:-127.0.0.1:18699}
rate=${CONFAB_CHAOS_RATE:-100}
dir=${CONFAB_CHAOS_DIR:-$(mktemp -d)}
short=
[[ ${1:-} == --short ]] && short=1
export CONFAB_CASSANDRA_HEAP=${CONFAB_CASSANDRA_HEAP:-512M}

began=$SECONDS
say() { printf 'chaos: %4ds  %s\n' $((SECONDS - began)) "$*"; }
node() { "$here/cassandra.sh" "$1" --port "$port" --dir "$dir/cassandra" "${@:2}" >>"$dir/cassandra.log" 2>&1 8>&-; }
pid_of() { cat "$dir/cassandra/node$1/pid"; }

server= load= paused=
finish() {
	[[ -z $paused ]] || kill -CONT "$paused" 2>/dev/null || true
	[[ -z $load ]] || kill "$load" 2>/dev/null || true
	[[ -z $server ]] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
	node clean || true
	[[ -n ${CONFAB_CHAOS_DIR:-} ]] || rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM

mkdir -p "$dir"
(cd "$here/.." && go build -o "$dir/confab" ./cmd/confab)
export CONFAB_ADMIN_LOGIN=administrator CONFAB_ADMIN_PASSWORD="a password of an administrator"
say "starting three nodes of Cassandra"
node start --quick-schema --nodes 3
"$dir/confab" serve --listen "$listen" --limits off \
	--store "cassandra://127.0.0.1:$port,127.0.0.2:$port,127.0.0.3:$port/chaos?rf=3&timeout=5s" >"$dir/server.log" 2>&1 &
server=$!
say "the server makes its tables"
until curl -sf -o /dev/null "http://$listen/readyz"; do
	kill -0 "$server" 2>/dev/null && ((SECONDS - began < 600)) || { tail "$dir/server.log"; exit 1; }
	sleep 0.2
done
for i in 1 2 3; do node flush-schema "$i"; done # a node that is killed would have forgotten its tables
# The load goes on until the pipe is closed.
rm -f "$dir/hold"
mkfifo "$dir/hold"
"$dir/confab" bench chaos --url "http://$listen" --rate "$rate" --duration 20m --until-eof \
	<"$dir/hold" >"$dir/report.txt" 2>"$dir/load.log" &
load=$!
exec 8>"$dir/hold"
say "load of $rate posts and $rate reads a second"
sleep 10
kill -0 "$load" 2>/dev/null || { tail -n 3 "$dir/load.log"; exit 1; }
say "kill -9 node 2" && node kill-node 2
sleep 10
say "start node 2 again" && node start-node 2
say "node 2 answers"
if [[ -z $short ]]; then
	sleep 10
	say "kill -9 node 3" && node kill-node 3
	sleep 10
	say "start node 3 again" && node start-node 3
	say "node 3 answers"
	sleep 10
	paused=$(pid_of 1)
	say "pause node 1" && kill -STOP "$paused"
	sleep 10
	say "let node 1 go on" && kill -CONT "$paused"
	paused=
fi
sleep 10
say "end of the load"
exec 8>&-
status=0
wait "$load" || status=$?
load=
say "report"
cat "$dir/report.txt"
((status == 0)) || tail -n 3 "$dir/load.log"
exit "$status"
