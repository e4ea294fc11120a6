#!/usr/bin/env bash
# Renews the three lock files from pyproject.toml. Needs uv (pip install uv); nothing else does.
# Pass --upgrade to take newer releases; without it only what pyproject.toml changed is changed.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet "$@"; }
compile --output-file requirements.lock "$@"
uv pip compile --group embedded --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet \
  --constraint requirements.lock --output-file requirements-embedded.lock "$@"
compile --group dev --constraint requirements.lock --output-file requirements-dev.lock "$@"
