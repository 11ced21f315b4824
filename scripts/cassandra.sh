#!/usr/bin/env bash
# Runs a real Cassandra on this machine, for tests and for trying things out:
# no container engine, no installation; a JDK (17 or 11), Maven and Go are enough.
# `scripts/cassandra.sh help` says how.
set -euo pipefail

version=5.0.9
max_nodes=3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${CONFAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/confab}
jars=$cache/cassandra-$version
heap=${CONFAB_CASSANDRA_HEAP:-768M}

# All ports of a cluster are in one block of ten, from --port on. So clusters whose --port are ten or more apart do not
# collide.
block=10
storage_port() { echo $((port + 1)); }
ssl_storage_port() { echo $((port + 2)); }
jmx_port() { echo $((port + 2 + $1)); } # I: JMX listens on 127.0.0.1 for every node
((2 + max_nodes < block)) || { echo "cassandra: $max_nodes nodes need more ports than a block has" >&2; exit 1; }

usage() {
	cat <<EOF
Runs Cassandra $version here, node I on 127.0.0.I.

  scripts/cassandra.sh start [--nodes N]   start nodes 1 to N (1 to $max_nodes; as many as there were
                                           last time, at least 1, if not said) and wait until each
                                           answers a query; those that run are left alone
  scripts/cassandra.sh stop                stop all nodes; their data stay
  scripts/cassandra.sh status              say which nodes run; 1 if none does
  scripts/cassandra.sh clean               stop all nodes and delete their data
  scripts/cassandra.sh start-node I        start one node (node 1 must run before the others)
  scripts/cassandra.sh stop-node I         stop one node in order
  scripts/cassandra.sh kill-node I         kill one node at once, as a crash would
  scripts/cassandra.sh flush-schema I      write the schema's own tables of one node to its disk; see --quick-schema
  scripts/cassandra.sh ports               print all ports that the cluster uses
  scripts/cassandra.sh fetch               only download the jars

Options: --port P   the CQL port (9042); the other ports are the nine that follow, so that clusters
                    whose ports are ten apart, with folders of their own, run side by side
         --dir D    where data, logs and pids are ($cache/cassandra-data)
         --dcs N    spread the nodes over N data centres (1 to $max_nodes), dc1 to dcN, in turn: node 1 is in dc1,
                    node 2 in dc2. As it was last time if not said; all in datacenter1 at first
         --auth     want a user and password, and obey what roles may; the first one is cassandra, cassandra.
                    As it was last time if not said
         --quick-schema
                    do not flush the schema's own tables at each change of the schema, but when the node stops: for tests, which
                    make many keyspaces; that is some seven times faster. A node that is killed forgets what was not flushed;
                    flush-schema flushes it
Environment: CONFAB_CACHE           where jars and data are kept ($cache)
             CONFAB_CASSANDRA_HEAP  the heap of each node ($heap)
EOF
}

say() { printf 'cassandra: %s\n' "$*"; }
fail() { printf 'cassandra: %s\n' "$*" >&2; exit 1; }

need() { # command, what to do about it
	command -v "$1" >/dev/null 2>&1 || fail "'$1' is missing: $2"
}

node_dir() { echo "$dir/node$1"; }

# port_of prints the CQL port that node I was last started with.
port_of() { sed -n 's/^native_transport_port: //p' "$(node_dir "$1")/conf/cassandra.yaml"; }

# pid_of prints the pid of node I if that very node runs: a pid alone may have
# gone to another process meanwhile.
pid_of() {
	local file pid
	file=$(node_dir "$1")/pid
	[[ -s $file ]] || return 1
	pid=$(<"$file")
	ps -o args= -p "$pid" 2>/dev/null | grep -qF -- "-Dconfab.node=$(node_dir "$1") " || return 1
	echo "$pid"
}

fetch() {
	[[ -e $jars/complete ]] && return
	need mvn "install Maven (Debian: apt-get install maven)"
	say "fetching the jars of Cassandra $version (once, about 70 MB) into $jars"
	mkdir -p "$cache"
	local part
	part=$(mktemp -d "$jars.XXXXXX")
	if ! mvn -q -B -f "$here/cassandra/pom.xml" dependency:copy-dependencies \
		-DincludeScope=runtime -DoutputDirectory="$part" >"$part/mvn.log" 2>&1; then
		tail -n 20 "$part/mvn.log" >&2
		rm -rf "$part"
		fail "Maven could not fetch org.apache.cassandra:cassandra-all:$version (see above)"
	fi
	rm -f "$part/mvn.log"
	touch "$part/complete"
	if [[ -e $jars/complete ]]; then # somebody else was faster: theirs are as good
		rm -rf "$part"
	else
		rm -rf "$jars"
		mv "$part" "$jars"
	fi
}

configure() { # I
	local home snitch=SimpleSnitch authenticator=AllowAllAuthenticator authorizer=AllowAllAuthorizer
	home=$(node_dir "$1")
	mkdir -p "$home/conf" "$home/logs"
	if ((dcs > 0)); then
		echo "$dcs" >"$dir/dcs"
		snitch=GossipingPropertyFileSnitch
		printf 'dc=dc%d\nrack=rack1\n' $((($1 - 1) % dcs + 1)) >"$home/conf/cassandra-rackdc.properties"
	fi
	if [[ -n $auth ]]; then
		touch "$dir/auth"
		authenticator=PasswordAuthenticator authorizer=CassandraAuthorizer
	fi
	cat >"$home/conf/cassandra.yaml" <<EOF
authenticator: $authenticator
authorizer: $authorizer
cluster_name: confab-$port
num_tokens: 16
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: $snitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "127.0.0.1:$(storage_port)"
listen_address: 127.0.0.$1
storage_port: $(storage_port)
ssl_storage_port: $(ssl_storage_port)
rpc_address: 127.0.0.$1
native_transport_port: $port
start_native_transport: true
auto_bootstrap: false
auto_snapshot: false
commitlog_sync: group
commitlog_sync_group_window: 5ms
commitlog_total_space: 256MiB
memtable_heap_space: 192MiB
memtable_offheap_space: 64MiB
file_cache_size: 64MiB
data_file_directories: ["$home/data"]
commitlog_directory: $home/commitlog
hints_directory: $home/hints
saved_caches_directory: $home/saved_caches
cdc_raw_directory: $home/cdc
EOF
}

start_node() { # I
	local home delay pid host=127.0.0.$1
	home=$(node_dir "$1")
	if pid=$(pid_of "$1"); then
		say "node $1 already runs at $host:$(port_of "$1") (pid $pid)"
		return
	fi
	need java "install a JDK (Debian: apt-get install openjdk-17-jdk-headless)"
	need go "install Go (https://go.dev/dl/)"
	fetch
	build_wait
	if "$wait_bin" -for 0s "$host:$port" >/dev/null 2>&1; then
		fail "something else already answers at $host:$port: stop it, or take another --port"
	fi
	configure "$1"
	# Node 1 has nobody to wait for; the others need time to hear of it by gossip.
	delay=100
	[[ $1 -eq 1 ]] || delay=3000
	(
		cd "$home"
		trap '' INT HUP # an interrupt of the terminal is not for the daemon
		exec java "@$here/cassandra/jvm.options" -Xms"$heap" -Xmx"$heap" \
			-XX:HeapDumpPath="$home/logs" \
			-Dconfab.node="$home" \
			-Dcassandra.ring_delay_ms=$delay \
			-Dcassandra.superuser_setup_delay_ms=0 \
			-Dcassandra.test.flush_local_schema_changes="$([[ -n $quick ]] && echo false || echo true)" \
			-Dcassandra.jmx.local.port="$(jmx_port "$1")" \
			-Dcassandra.storagedir="$home" \
			-Dcassandra-rackdc.properties="file://$home/conf/cassandra-rackdc.properties" \
			-Dcassandra.config="file://$home/conf/cassandra.yaml" \
			-Dlogback.configurationFile="$here/cassandra/logback.xml" \
			-cp "$jars/*" org.apache.cassandra.service.CassandraDaemon \
			>>"$home/logs/system.log" 2>&1 </dev/null
	) 9>&- &
	pid=$!
	echo "$pid" >"$home/pid"
	local end=$((SECONDS + 180))
	until "$wait_bin" -for 2s "$host:$port" >/dev/null 2>&1; do
		if ! kill -0 "$pid" 2>/dev/null; then
			tail -n 20 "$home/logs/system.log" >&2
			rm -f "$home/pid"
			fail "node $1 ended while it started: see $home/logs/system.log"
		fi
		if ((SECONDS > end)); then
			tail -n 20 "$home/logs/system.log" >&2
			end_node "$1" KILL
			fail "node $1 did not answer within 3 minutes: see $home/logs/system.log"
		fi
	done
	say "node $1 answers at $host:$port (pid $pid, data in $home)"
}

wait_bin=
build_wait() {
	[[ -n $wait_bin ]] && return
	mkdir -p "$dir"
	wait_bin=$dir/wait
	(cd "$here/.." && go build -o "$wait_bin" ./scripts/cassandra/wait) ||
		fail "could not build scripts/cassandra/wait"
}

end_node() { # I signal
	local pid
	if ! pid=$(pid_of "$1"); then
		rm -f "$(node_dir "$1")/pid"
		return
	fi
	kill "-$2" "$pid" 2>/dev/null || true
	local end=$((SECONDS + 30))
	while kill -0 "$pid" 2>/dev/null; do
		((SECONDS <= end)) || kill -KILL "$pid" 2>/dev/null || true
		sleep 0.1
	done
	rm -f "$(node_dir "$1")/pid"
	say "node $1 stopped"
}

flush_schema() { # I
	java "@$here/cassandra/jvm.options" -Xmx64M -Duser.home="$(node_dir "$1")" -cp "$jars/*" org.apache.cassandra.tools.NodeTool -p "$(jmx_port "$1")" flush system_schema
}

# Two scripts at once must not start a node twice.
exclusively() {
	mkdir -p "$dir"
	exec 9>"$dir/lock"
	if command -v flock >/dev/null 2>&1; then
		flock 9
	fi
}

number() { # text, highest, what
	[[ $1 =~ ^[0-9]+$ ]] && (($1 >= 1 && $1 <= $2)) || fail "$3 must be a number from 1 to $2, not '$1'"
}

command=${1:-help}
(($# == 0)) || shift
node= nodes=1 port=9042 dir=$cache/cassandra-data dcs= auth= quick=
while (($#)); do
	case $1 in
	--nodes | --port | --dir | --dcs)
		(($# > 1)) || fail "$1 needs a value"
		case $1 in
		--nodes) number "$2" $max_nodes "--nodes" && nodes=$2 ;;
		--port) number "$2" 60000 "--port" && port=$2 ;;
		--dcs) number "$2" $max_nodes "--dcs" && dcs=$2 ;;
		--dir) mkdir -p "$2" && dir=$(cd "$2" && pwd) ;;
		esac
		shift 2
		;;
	--auth) auth=yes && shift ;;
	--quick-schema) quick=yes && shift ;;
	[0-9]*) number "$1" $max_nodes "the node" && node=$1 && shift ;;
	*) fail "unknown argument '$1'; see scripts/cassandra.sh help" ;;
	esac
done
[[ ! -e $dir/auth ]] || auth=yes
((port > 1024)) || fail "--port must be above 1024"
# What a node's data say about its data centre stays true.
if [[ -z $dcs ]]; then
	dcs=0
	[[ ! -s $dir/dcs ]] || dcs=$(<"$dir/dcs")
elif [[ -s $dir/dcs && $(<"$dir/dcs") != "$dcs" || ! -s $dir/dcs && -d $(node_dir 1)/data ]]; then
	fail "the data in $dir are of a cluster with another number of data centres: take another --dir, or clean it first"
fi

case $command in
start)
	exclusively
	for ((i = 1; i <= max_nodes; i++)); do
		# A cluster that once had more nodes needs them: they own a part of the data.
		((i > nodes)) && [[ ! -d $(node_dir "$i")/data ]] || start_node "$i"
	done
	;;
stop | clean)
	exclusively
	for ((i = max_nodes; i >= 1; i--)); do
		end_node "$i" TERM
		[[ $command == stop ]] || rm -rf "$(node_dir "$i")"
	done
	[[ $command == stop ]] || rm -f "$dir/dcs" "$dir/auth"
	[[ $command == stop ]] || say "the data in $dir are deleted"
	;;
status)
	running=0
	for ((i = 1; i <= max_nodes; i++)); do
		if pid=$(pid_of "$i"); then
			say "node $i runs at 127.0.0.$i:$(port_of "$i") (pid $pid)"
			running=1
		fi
	done
	((running)) || { say "no node runs"; exit 1; }
	;;
start-node | stop-node | kill-node | flush-schema)
	[[ -n $node ]] || fail "$command needs the number of a node"
	exclusively
	case $command in
	start-node) start_node "$node" ;;
	stop-node) end_node "$node" TERM ;;
	kill-node) end_node "$node" KILL ;;
	flush-schema) flush_schema "$node" ;;
	esac
	;;
ports)
	echo "$port"
	storage_port
	ssl_storage_port
	for ((i = 1; i <= max_nodes; i++)); do jmx_port "$i"; done
	;;
fetch) fetch ;;
help | -h | --help) usage ;;
*) fail "unknown command '$command'; see scripts/cassandra.sh help" ;;
esac
