#!/usr/bin/env bash
# Checks the deployment files as far as that goes without a container engine, and says what it had to leave out.
# Part of `make check`; needs what that has set up: .venv, and Node.js with npm.
set -euo pipefail
cd "$(dirname "$0")/.."
readonly BIN=.venv/bin

failed=0
left_out=()

# check NAME COMMAND...: one line if it succeeds, its output if it doesn't; the others still run.
check() {
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then
    printf '  ok      %s\n' "$name"
  else
    printf '  FAILED  %s\n%s\n' "$name" "$output"
    failed=1
  fi
}

has() { command -v "$1" >/dev/null; }

# The linter of compose.yaml, from its lock file: once, then no network is needed.
install_dclint() {
  local stamp=deploy/node_modules/.freshtrack-lock
  cmp -s deploy/package-lock.json "$stamp" && return
  has npm || return
  npm --prefix deploy ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null 2>&1 || return
  cp deploy/package-lock.json "$stamp"
}

# Where there is Caddy or Docker they check with values that nobody uses.
export PUBLIC_URL=https://freshtrack.example ALLOWED_HOSTS=freshtrack.example ACME_EMAIL=nobody@freshtrack.example
export DEFAULT_FROM_EMAIL=alerts@freshtrack.example

shopt -s nullglob
scripts=(deploy/*.sh deploy/postgres/*.sh .ci/run)
check "shell scripts (shellcheck)" "$BIN/shellcheck" "${scripts[@]}"

if [[ -x $BIN/hadolint ]]; then
  check "Dockerfile (hadolint)" "$BIN/hadolint" --failure-threshold style Dockerfile
else
  left_out+=("Dockerfile: hadolint comes as a wheel for Linux only")
fi

if install_dclint; then
  check "compose.yaml (dclint)" deploy/node_modules/.bin/dclint --config deploy/dclint.json --max-warnings 0 compose.yaml
else
  left_out+=("compose.yaml with dclint: it isn't installed and can't be (no npm, or no network)")
fi

if docker compose version >/dev/null 2>&1; then
  check "compose.yaml (docker compose config)" docker compose --file compose.yaml config --quiet
else
  left_out+=("compose.yaml with docker compose: there is none")
fi

if has caddy; then
  check "Caddyfile (caddy validate)" caddy validate --adapter caddyfile --config deploy/Caddyfile
  check "Caddyfile (caddy fmt)" caddy fmt --diff deploy/Caddyfile
else
  left_out+=("deploy/Caddyfile: there is no caddy")
fi

for what in "${left_out[@]}"; do printf '  left out: %s\n' "$what"; done
exit "$failed"
