#!/usr/bin/env bash
# What others write for the platform, against a server of its own: a client library from PyPI (test/platform/library.py).
source "$(dirname "$0")/lib.sh"

need python3 "install Python 3.10 or newer, with venv"
VERSION=1.3
tool="$CACHE/ease-restapi-$VERSION"
if [ ! -e "$tool/installed" ]; then
	rm -rf "$tool"
	python3 -m venv "$tool"
	"$tool/bin/pip" install -q "ease-restapi==$VERSION" requests==2.32.5 six==1.17.0
	touch "$tool/installed"
fi

go build -o bin/confab ./cmd/confab
export CONFAB_ADMIN_LOGIN=administrator CONFAB_ADMIN_PASSWORD="a password of an administrator"
own_server
"$tool/bin/python" test/platform/library.py || fail "the client library does not work; the server said: $(cat "$data/log")"
