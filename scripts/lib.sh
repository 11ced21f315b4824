# Shared by the scripts here. Source it; it changes to the top of the checkout.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What is fetched or built for development stays outside the checkout.
CACHE=${CONFAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/confab}
mkdir -p "$CACHE"

step() { printf '\n== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
need() { command -v "$1" >/dev/null || fail "$1 is missing: $2"; }

# packages DIR installs a folder's npm packages, if its lock file has changed since they were.
packages() {
	need npm "install Node.js 20 or newer"
	if ! cmp -s "$1/package-lock.json" "$1/node_modules/.lock-installed"; then
		(cd "$1" && npm ci --no-audit --no-fund --loglevel=error)
		cp "$1/package-lock.json" "$1/node_modules/.lock-installed"
	fi
}

# own_cassandra PORT [OPTIONS] starts a Cassandra that ends with the script, in the new folder $dir; see cassandra.sh start.
own_cassandra() {
	local port=$1
	shift
	dir=$(mktemp -d)
	export CONFAB_CASSANDRA_HEAP=${CONFAB_CASSANDRA_HEAP:-512M}
	# shellcheck disable=SC2064 # as they are now
	trap "scripts/cassandra.sh clean --port $port --dir '$dir' >/dev/null 2>&1; rm -rf '$dir'" EXIT
	trap 'exit 130' INT TERM
	scripts/cassandra.sh start "$@" --port "$port" --dir "$dir"
}

# own_server starts bin/confab on a new store, which ends with the script. It sets $data, the folder in which its log
# is, and exports CONFAB_BASE.
own_server() {
	data=$(mktemp -d)
	: >"$data/out" # it is read before the server may have begun
	bin/confab serve --listen 127.0.0.1:0 --store "embedded:$data/store" --limits off >"$data/out" 2>"$data/log" &
	server=$!
	trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -rf "$data"' EXIT
	for _ in $(seq 100); do
		CONFAB_BASE=$(sed -n 's#^confab is at \(http://[^/]*\)/.*#\1#p' "$data/out")
		[ -n "$CONFAB_BASE" ] && break
		kill -0 "$server" 2>/dev/null || fail "the server did not start: $(cat "$data/log")"
		sleep 0.1
	done
	[ -n "$CONFAB_BASE" ] || fail "the server said nothing for ten seconds: $(cat "$data/log")"
	export CONFAB_BASE
}
