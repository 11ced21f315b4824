#!/usr/bin/env bash
# Formatting, modules, the pinned linters, go vet among them, and shellcheck for the scripts.
source "$(dirname "$0")/lib.sh"

VERSION=v2.15.0
lint="$CACHE/golangci-lint-$VERSION/golangci-lint"
if [ ! -x "$lint" ]; then
	echo "building golangci-lint $VERSION (once)"
	GOBIN="$(dirname "$lint")" go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$VERSION"
fi
unformatted=$(gofmt -l cmd pkg schema scripts web/*.go)
[ -z "$unformatted" ] || fail "not formatted, run gofmt -w on: $unformatted"
go mod tidy -diff || fail "go.mod and go.sum are not tidy: run go mod tidy"
"$lint" run --allow-serial-runners ./... # another run, of an editor say, is waited for

if ! command -v shellcheck >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "installing shellcheck from Debian's packages"
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq shellcheck >/dev/null
fi
need shellcheck "install it (https://www.shellcheck.net)"
shellcheck --severity=warning scripts/*.sh .ci/run
