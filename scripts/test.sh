#!/usr/bin/env bash
# Every check that fits into half an hour on two cores. It gets what it needs: linters, npm packages, Chromium, Cassandra.
# make chaos (its short form takes four minutes), make test-kill and a long make fuzz take longer.
source "$(dirname "$0")/lib.sh"

need go "install Go 1.26 or newer"
need npm "install Node.js 20 or newer"
need python3 "install Python 3.10 or newer, with venv: the tests of the API's description are a Python program"
need java "install a JDK 17, which Cassandra runs on"

port=${CONFAB_TEST_CASSANDRA_PORT:-19742}
dir="$CACHE/test-cassandra"
stop() { scripts/cassandra.sh stop --port "$port" --dir "$dir" >/dev/null 2>&1 || true; }
trap 'stop; rm -rf "${logs:-}"' EXIT

# behind runs a command beside the next steps; joined waits for it and shows what it printed if it has failed.
behind() { # NAME COMMAND…
	local name=$1
	shift
	"$@" >"$logs/$name" 2>&1 &
	jobs_of[$name]=$!
}
joined() { # NAME WHAT
	wait "${jobs_of[$1]}" || { cat "$logs/$1" && fail "$2"; }
}
declare -A jobs_of
logs=$(mktemp -d)

stop
rm -rf "$dir"
behind cassandra scripts/cassandra.sh start --quick-schema --port "$port" --dir "$dir" # it mostly waits

step "page: build, types, unit tests; meanwhile, Cassandra for the tests starts"
scripts/web.sh build
scripts/web.sh test
joined cassandra "Cassandra for the tests did not start"

step "format, vet, lint"
scripts/lint.sh

step "known vulnerabilities"
scripts/audit.sh

step "Go tests, both stores, race detector on"
# The packages that take longest come first, so that none of them runs alone at the end.
# The first one needs ten minutes, mostly of Cassandra; the timeout is for tests that hang.
# Lint has vetted them, and would do so without analysing all modules again for the race detector. Nobody debugs these
# programs, and without DWARF each of some fifty is linked faster.
CONFAB_TEST_CASSANDRA="127.0.0.1:$port" go test -race -shuffle=on -vet=off -ldflags=-w -timeout 20m ./pkg/store/cassandra ./test/realtime ./pkg/server ./pkg/move ./...

step "fuzz each parser a little; meanwhile, two data centres of Cassandra, one killed, and files in S3"
# The fuzzing computes, and the others mostly wait for their servers.
behind fuzz env FUZZTIME=2000x scripts/fuzz.sh
behind s3 scripts/s3.sh
scripts/datacentres.sh
joined fuzz "a fuzz test has failed"
joined s3 "the tests of files in S3 have failed"

step "real time: the field's own clients; meanwhile, Cassandra with roles and rights, generated requests, and the README"
packages test/realtime
go build -o bin/confab ./cmd/confab
behind roles scripts/roles.sh
behind schemathesis scripts/schemathesis.sh
behind platform scripts/platform.sh
behind readme scripts/readme.sh
(cd test/realtime && CONFAB_BIN="$PWD/../../bin/confab" CONFAB_TEST_CASSANDRA="127.0.0.1:$port" npm test --silent)
joined roles "the test of roles and rights has failed"
joined platform "a client library of the platform does not work"
joined readme "a command of the README does not work"
joined schemathesis "an answer to a generated request is not as described"

step "page: flows in Chromium"
CONFAB_E2E_CASSANDRA="127.0.0.1:$port" scripts/web.sh browser

step "all checks passed"
