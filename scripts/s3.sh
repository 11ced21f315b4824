#!/usr/bin/env bash
# Tests the bucket of S3 against a server of its own that speaks S3: Versity's gateway over a folder.
#
# Environment: CONFAB_S3_PORT  where it listens (20842)
source "$(dirname "$0")/lib.sh"

need curl "install curl"
VERSION=v1.8.0
tool="$CACHE/versitygw-$VERSION"
if [ ! -x "$tool/versitygw" ]; then
	mkdir -p "$tool"
	GOBIN="$tool" nice go install "github.com/versity/versitygw/cmd/versitygw@$VERSION"
fi

port=${CONFAB_S3_PORT:-20842}
data=$(mktemp -d)
export AWS_ACCESS_KEY_ID=confab AWS_SECRET_ACCESS_KEY="a secret of the tests"
mkdir -p "$data/buckets/confab" "$data/attributes" # a bucket is a folder
ROOT_ACCESS_KEY=$AWS_ACCESS_KEY_ID ROOT_SECRET_KEY=$AWS_SECRET_ACCESS_KEY \
	"$tool/versitygw" --port "127.0.0.1:$port" --health /healthy posix --sidecar "$data/attributes" "$data/buckets" >"$data/log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -rf "$data"' EXIT
for _ in $(seq 100); do
	curl -fs "http://127.0.0.1:$port/healthy" >/dev/null && break
	kill -0 "$server" 2>/dev/null || fail "the S3 server did not start: $(cat "$data/log")"
	sleep 0.1
done
CONFAB_TEST_S3="s3://confab?region=us-east-1&endpoint=http://127.0.0.1:$port&use_path_style=true" \
	go test -count=1 -timeout 5m ./pkg/files/buckets
