#!/usr/bin/env bash
# Client libraries that others wrote for the platform, against a server of its own: ease-restapi from PyPI, and im-sdk-core from
# Maven Central.
source "$(dirname "$0")/lib.sh"

need python3 "install Python 3.10 or newer, with venv"
need java "install a JDK 17"
need curl "install curl"
VERSION=1.3 JAVA_VERSION=0.6.6
tool="$CACHE/ease-restapi-$VERSION"
if [ ! -e "$tool/installed" ]; then
	rm -rf "$tool"
	python3 -m venv "$tool"
	"$tool/bin/pip" install -q "ease-restapi==$VERSION" requests==2.32.5 six==1.17.0
	touch "$tool/installed"
fi
jars="$CACHE/im-sdk-core-$JAVA_VERSION"
if [ ! -e "$jars/installed" ]; then
	need mvn "install Maven (Debian: apt-get install maven)"
	rm -rf "$jars"
	mvn -q -B -Dstyle.color=never -f test/platform/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$jars"
	touch "$jars/installed"
fi

go build -o bin/confab ./cmd/confab
export CONFAB_ADMIN_LOGIN=administrator CONFAB_ADMIN_PASSWORD="a password of an administrator"
own_server
"$tool/bin/python" test/platform/library.py || fail "the library in Python does not work; the server said: $(cat "$data/log")"

member() { python3 -c "import json,sys; print(json.load(sys.stdin)['$1'])"; }
manage() { curl -s --fail-with-body "$CONFAB_BASE/management/$1" -H "Authorization: Bearer $token" -d "$2"; }
token=
token=$(manage token '{"grant_type":"password","username":"administrator","password":"a password of an administrator"}' | member access_token)
manage organizations/acme/applications '{"name":"java"}' >"$data/app"
java -cp "$jars/*" test/platform/Library.java "$CONFAB_BASE" 'acme#java' "$(member client_id <"$data/app")" "$(member client_secret <"$data/app")" ||
	fail "the library in Java does not work; the server said: $(cat "$data/log")"
