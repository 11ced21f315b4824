#!/usr/bin/env bash
# Formatting, go vet and the pinned linters.
source "$(dirname "$0")/lib.sh"

VERSION=v2.15.0
lint="$CACHE/golangci-lint-$VERSION/golangci-lint"
if [ ! -x "$lint" ]; then
	echo "building golangci-lint $VERSION (once)"
	GOBIN="$(dirname "$lint")" go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$VERSION"
fi
unformatted=$(gofmt -l cmd pkg schema scripts web/*.go)
[ -z "$unformatted" ] || fail "not formatted, run gofmt -w on: $unformatted"
go vet ./...
"$lint" run ./...
