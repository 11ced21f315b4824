# Shared by the scripts here. Source it; it changes to the top of the checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What is fetched or built for development stays outside the checkout.
CACHE=${CONFAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/confab}
mkdir -p "$CACHE"

step() { printf '\n== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
need() { command -v "$1" >/dev/null || fail "$1 is missing: $2"; }
