#!/usr/bin/env bash
# Sends generated requests to a server of its own and holds every answer to schema/openapi.yaml: no error of the server, no
# status, header, type or body that is not described.
#   scripts/schemathesis.sh [EXAMPLES]   how many for each operation; 10 if not given
source "$(dirname "$0")/lib.sh"

need python3 "install Python 3.10 or newer, with venv"
need curl "install curl"
VERSION=4.32.5
tool="$CACHE/schemathesis-$VERSION"
if [ ! -x "$tool/bin/schemathesis" ]; then
	rm -rf "$tool"
	python3 -m venv "$tool"
	"$tool/bin/pip" install -q "schemathesis==$VERSION"
fi

go build -o bin/confab ./cmd/confab
export CONFAB_ADMIN_LOGIN=administrator CONFAB_ADMIN_PASSWORD="a password of an administrator"
CONFAB_ADMIN_TOKEN=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
export CONFAB_ADMIN_TOKEN
own_server

# The WebSocket is described by schema/asyncapi.yaml; its handshake is no answer that can be generated for.
cd "$data" # where it writes
SCHEMATHESIS_HOOKS=hooks PYTHONPATH="$OLDPWD/test/description" NO_COLOR=1 "$tool/bin/schemathesis" run "$OLDPWD/schema/openapi.yaml" \
	--url "$CONFAB_BASE" --exclude-operation-id stomp --phases examples,coverage,fuzzing --max-examples "${1:-10}" --warnings off \
	--checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,unsupported_method,allow_header_conformance \
	--exclude-checks ignored_auth
if grep -E 'level=ERROR|panic' "$data/log"; then fail "the server's log has errors"; fi
