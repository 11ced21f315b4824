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
trap stop EXIT

step "page: build, types, unit tests"
scripts/web.sh build
scripts/web.sh test

step "format, vet, lint"
scripts/lint.sh

step "known vulnerabilities"
scripts/audit.sh

step "Cassandra for the tests"
stop
rm -rf "$dir"
scripts/cassandra.sh start --quick-schema --port "$port" --dir "$dir"

step "Go tests, both stores, race detector on"
CONFAB_TEST_CASSANDRA="127.0.0.1:$port" go test -race -shuffle=on -timeout 12m ./...

step "fuzz each parser a little; meanwhile, two data centres of Cassandra, one killed"
# The fuzzing computes, and the other mostly waits for its servers.
fuzzed=$(mktemp)
FUZZTIME=2000x scripts/fuzz.sh >"$fuzzed" 2>&1 &
fuzzing=$!
scripts/datacentres.sh
wait "$fuzzing" || { cat "$fuzzed" && fail "a fuzz test has failed"; }
rm -f "$fuzzed"

step "Cassandra with roles and rights"
scripts/roles.sh

step "real time: the field's own clients"
packages test/realtime
go build -o bin/confab ./cmd/confab
(cd test/realtime && CONFAB_BIN="$PWD/../../bin/confab" CONFAB_TEST_CASSANDRA="127.0.0.1:$port" npm test --silent)

step "answers to generated requests are as described"
scripts/schemathesis.sh

step "page: flows in Chromium"
CONFAB_E2E_CASSANDRA="127.0.0.1:$port" scripts/web.sh browser

step "all checks passed"
