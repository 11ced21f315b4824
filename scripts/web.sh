#!/usr/bin/env bash
# The page and the client package: build | test | browser | speed.
source "$(dirname "$0")/lib.sh"

chromium_path() {
	local found
	found=${CONFAB_CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
	if [ -z "$found" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		echo "installing Chromium from Debian's packages" >&2
		apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-color-emoji >&2
		found=$(command -v chromium || true)
	fi
	[ -n "$found" ] || fail "Chromium is missing: install it, or set CONFAB_CHROMIUM to its path"
	echo "$found"
}

case ${1:-} in
build)
	packages web
	(cd web && npm run --silent build)
	;;
test)
	packages web
	(cd web && npm run --silent check && npm test --silent)
	;;
browser | speed)
	packages web
	chromium=$(chromium_path)
	[ -f web/dist/index.html ] && [ -f web/client/dist/index.js ] || (cd web && npm run --silent build)
	go build -o bin/confab ./cmd/confab # with the page inside
	file=run
	[ "$1" = browser ] || file=speed
	(cd web && CONFAB_CHROMIUM="$chromium" CONFAB_BIN="$PWD/../bin/confab" node "e2e/$file.mjs")
	;;
*) fail "usage: scripts/web.sh build|test|browser|speed" ;;
esac
