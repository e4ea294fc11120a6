#!/usr/bin/env bash
# What the targets of the Makefile do: deploy/setup.sh up | check | test | bench | screenshots | clean
# Everything is installed into .venv and frontend/node_modules from lock files, and only when those changed.
set -euo pipefail
cd "$(dirname "$0")/.."
readonly VENV=.venv PY=.venv/bin/python

say() { printf '%s\n' "$*"; }
fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Run a command that ends when this script does, also when the script is killed (see the launcher's docstring).
attached() {
  local program
  program=$(command -v "$1") || fail "The command '$1' is missing."
  shift
  "$PY" -I -S freshtrack/embedded/launcher.py 15 "$BASHPID" -1 -1 -1 "$(realpath -s "$program")" "$@"
}

# --- Python packages ---------------------------------------------------------------------------------------------

find_python() {
  local candidate found=""
  for candidate in python3 python3.12 python3.11; do
    # Asked to run: version managers put names on the PATH that only print an error.
    if version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null); then
      case $version in
        3.11 | 3.12)
          interpreter=$(command -v "$candidate")
          return
          ;;
        *) found="${found:+$found, }$candidate is $version" ;;
      esac
    fi
  done
  fail "FreshTrack needs Python 3.11 or 3.12 (${found:-there is no python3 on the PATH}): install one of them."
}

# install NAME LOCK...: make .venv hold what the lock files say. A half-finished installation is redone.
install() {
  local name=$1 stamp wanted began=$SECONDS
  shift
  stamp=$VENV/.freshtrack-$name
  wanted=$(cat -- "$@" | sha256sum | cut -d ' ' -f 1)
  is_installed "$stamp" "$wanted" && return
  # Two makes at once take turns. The checkout itself is the lock: nothing to ignore, nothing to be left behind.
  exec 9<.
  flock 9
  if ! is_installed "$stamp" "$wanted"; then
    find_python
    "$PY" -c '' 2>/dev/null || make_venv
    rm -f "$stamp"
    say "Installing Python packages ($name)"
    install_packages "$@"
    printf '%s' "$wanted" >"$stamp"
    say "  Python packages installed in $((SECONDS - began)) s"
  fi
  exec 9<&-
}

is_installed() { [[ -x $PY && -f $1 && $(<"$1") == "$2" ]]; }

make_venv() {
  "$interpreter" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "$interpreter can't make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)."
  "$interpreter" -m venv --clear "$VENV" || fail "The virtual environment $PWD/$VENV can't be made."
}

install_packages() {
  local log=$VENV/.install.log lock status=0 progress
  local arguments=()
  for lock in "$@"; do arguments+=(--requirement "$lock"); done
  : >"$log"
  show_progress "$log" 9<&- &
  progress=$!
  attached "$PY" -m pip install --disable-pip-version-check --no-input --progress-bar off --require-hashes \
    "${arguments[@]}" >"$log" 2>&1 9<&- || status=$?
  kill "$progress" 2>/dev/null || true
  wait "$progress" 2>/dev/null || true
  if ((status)); then
    tail -n 15 "$log" | sed 's/^/    /' >&2
    fail "The Python packages can't be installed: the reason stands above, everything in $PWD/$log."
  fi
}

show_progress() {
  local count
  while sleep 5 >/dev/null 2>&1 && kill -0 "$$" 2>/dev/null; do
    if grep -q '^Installing collected packages' "$1"; then
      say "  ... unpacking"
    else
      count=$(grep -c '^Collecting' "$1" || true)
      say "  ... $count packages fetched"
    fi
  done
}

for_running() {
  # The development set holds everything that running needs.
  is_installed "$VENV/.freshtrack-development" "$(sha256sum <requirements-dev.lock | cut -d ' ' -f 1)" && return
  install runtime requirements.lock requirements-embedded.lock
}

for_development() { install development requirements-dev.lock; }

# --- checks ------------------------------------------------------------------------------------------------------

# step NAME COMMAND...: one line if it succeeds, its output if it doesn't.
step() {
  local name=$1 began=$SECONDS output status=0
  shift
  output=$(mktemp)
  attached "$@" >"$output" 2>&1 || status=$?
  if ((status)); then
    cat "$output" >&2
    rm -f "$output"
    fail "Failed: $name ($*)"
  fi
  rm -f "$output"
  printf '  %-52s %4d s\n' "$name" "$((SECONDS - began))"
}

check() (
  # The checkers' caches don't bear two runs at once.
  exec 8<deploy
  flock 8
  # Settings as production has them. Nothing connects anywhere.
  export SECRET_KEY="no-secret:only-for-checks:0123456789:abcdefghijklmnopqrstuvwxyz:ABCDEFGHIJKLMN"
  export DATABASE_URL="postgres://freshtrack_app@/freshtrack?host=/nowhere" DATABASE_POOL=0
  export REDIS_URL=redis://redis.invalid:6379/0
  export MIGRATION_DATABASE_URL=$DATABASE_URL PUBLIC_URL=https://freshtrack.example ALLOWED_HOSTS=freshtrack.example
  local bin=$VENV/bin
  say "Checks"
  step "style (ruff check)" "$bin/ruff" check .
  step "format (ruff format)" "$bin/ruff" format --check .
  step "types (mypy)" "$bin/mypy"
  step "who may import whom (import-linter)" "$bin/lint-imports"
  # Comparing models with migration files needs no database; Django only warns that it has none.
  step "migrations complete (makemigrations)" "$PY" -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
  step "settings for production (check --deploy)" "$PY" manage.py check --deploy --fail-level WARNING
  step "shell scripts (shellcheck)" "$bin/shellcheck" deploy/*.sh .ci/run
  step "Dockerfile (hadolint)" "$bin/hadolint" Dockerfile
  if [[ -x deploy/check.sh ]]; then step "deployment files (deploy/check.sh)" deploy/check.sh; fi
  "$PY" -m freshtrack.up.web_app packages
  step "web app: style and types (npm run check)" npm --prefix frontend run check
)

# --- tests -------------------------------------------------------------------------------------------------------

summary=()

# suite NAME BUDGET_SECONDS COMMAND...
suite() {
  local name=$1 budget=$2 began=$SECONDS status=0 used verdict=passed
  shift 2
  say ""
  say "=== $name"
  attached "$@" || status=$?
  used=$((SECONDS - began))
  ((status)) && verdict="FAILED ($status)"
  summary+=("$(printf '  %-14s %-12s %4d s of %3d s' "$name" "$verdict" "$used" "$budget")")
  if ((used > budget)); then
    say "Warning: the suite '$name' took $used s, its budget is $budget s."
    summary[-1]+="  OVER BUDGET"
  fi
  ((status == 0)) || exit 1
}

run_tests() {
  trap print_summary EXIT
  local pytest=("$PY" -m pytest --durations=10)
  suite checks 180 bash "$0" check
  suite unit 720 "${pytest[@]}" -n 2 --ignore=tests/tenancy --ignore=tests/flows --ignore=tests/browser
  suite tenancy 120 "${pytest[@]}" -n 2 tests/tenancy
  # Flows start the whole product, browsers look at it.
  "$PY" -m freshtrack.up.web_app
  suite flows 480 "${pytest[@]}" tests/flows
  suite browser 480 "${pytest[@]}" tests/browser
  suite "web app" 120 npm --prefix frontend test
}

print_summary() {
  local status=$?
  say ""
  say "Summary"
  ((${#summary[@]} == 0)) || printf '%s\n' "${summary[@]}"
  if ((status)); then say "Not all tests passed or ran."; else say "All tests passed."; fi
}

# --- targets -----------------------------------------------------------------------------------------------------

case ${1:-} in
  up)
    for_running
    # In place of this shell, so that a signal to make's child reaches the supervisor.
    exec "$PY" -m freshtrack.up --with-parent
    ;;
  check)
    for_development
    check
    ;;
  test)
    for_development
    run_tests
    ;;
  bench)
    for_development
    exec "$PY" -m bench
    ;;
  screenshots)
    for_development
    "$PY" -m freshtrack.up.web_app
    exec "$PY" -m tests.browser.screenshots
    ;;
  clean)
    # Not .freshtrack: there lie the data.
    rm -rf "$VENV" frontend/node_modules frontend/dist .mypy_cache .ruff_cache .pytest_cache .hypothesis \
      .import_linter_cache tests/artifacts .freshtrack/test-template-*
    find . -name __pycache__ -type d -prune -exec rm -rf {} +
    ;;
  *) fail "Usage: deploy/setup.sh up | check | test | bench | screenshots | clean" ;;
esac
