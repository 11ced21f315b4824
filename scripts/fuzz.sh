#!/usr/bin/env bash
# Runs each fuzz test for FUZZTIME (10s, or 2000x for so many inputs).
source "$(dirname "$0")/lib.sh"

grep -rlE '^func Fuzz' --include='*_test.go' cmd pkg | sort | while read -r file; do
	for name in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' "$file"); do
		step "$name in $(dirname "$file")"
		go test "./$(dirname "$file")" -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-10s}"
	done
done
