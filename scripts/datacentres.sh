#!/usr/bin/env bash
# Tests the store on a real Cassandra with one node in each of two data centres: what is claimed in both at the same
# moment, and what is answered when one is away. Takes a few minutes, most of them for starting nodes.
#
# Environment: CONFAB_DATACENTRES_PORT  the CQL port of the cluster (19942)
source "$(dirname "$0")/lib.sh"

port=${CONFAB_DATACENTRES_PORT:-19942}
own_cassandra "$port" --quick-schema --nodes 2 --dcs 2
CONFAB_TEST_DATACENTRES="$dir" CONFAB_TEST_DATACENTRES_PORT="$port" CONFAB_TEST_CASSANDRA="127.0.0.1:$port" \
	go test -count=1 -timeout 10m -run '^TestTwoDatacentres$' ./pkg/store/cassandra
