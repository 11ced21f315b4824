#!/usr/bin/env bash
# Executes every command of the README's chapters on the platform, in their order, with a server and a folder of their own:
# blocks marked sh are commands, the one marked python is the file receiver.py.
source "$(dirname "$0")/lib.sh"

need curl "install curl"
need openssl "install openssl"
go build -o bin/confab ./cmd/confab
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
ln -s "$PWD/bin/confab" "$work/bin/confab"
python3 - README.md "$work" <<'PYTHON'
import re, socket, sys

text = open(sys.argv[1], encoding="utf-8").read()
part = text[text.index("\n## Apps of others"):]
part = part[:part.index("\n## ", 1)]
blocks = re.findall(r"^```(\w*)\n(.*?)^```$", part, re.M | re.S)
if any(kind not in ("sh", "python") for kind, _ in blocks) or len(blocks) < 9:
    sys.exit("the chapter has a block that is not executed, or lacks some")
commands = "".join(code for kind, code in blocks if kind == "sh")
free = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
for port, s in zip(("8080", "8443", "9000"), free):
    commands = commands.replace(port, str(s.getsockname()[1]))
commands = commands.replace("bin/confab serve --outbound", "bin/confab serve --listen 127.0.0.1:%d --outbound" % free[0].getsockname()[1])
open(sys.argv[2] + "/receiver.py", "w").write("".join(code for kind, code in blocks if kind == "python"))
# A command that fails ends all; what it has started ends too.
open(sys.argv[2] + "/commands", "w").write("""set -eu
curl() { # -f, with which a loop waits, goes with no other such flag
	case $1 in -sf) command curl "$@" ;; *) command curl --fail-with-body "$@" ;; esac
}
trap 'kill $(jobs -p); wait' EXIT
""" + commands)
PYTHON
(cd "$work" && timeout 60 bash commands >out 2>log) || fail "a command of the README fails: $(tail -n 5 "$work/out" "$work/log")"
says() { # FILE TEXT
	grep -qF -- "$2" "$work/$1" || fail "after the commands of the README, $1 does not say $2: $(cat "$work/$1")"
}
says heard.txt 'event: message'
says heard.txt 'Hello Ann'
says out '"data":{"ann":1}'
says out '"data":{"acked":1}'
says out '"data":{"ann":0}'
says out '"type":"chatmessage"'
says events.txt 'message {'
[ "$(grep -c '"access_token"' "$work/out")" = 1 ] || fail "no token came over TLS: $(cat "$work/out")"
echo "the commands of the README work"
