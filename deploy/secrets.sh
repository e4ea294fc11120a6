#!/usr/bin/env bash
# Makes the secrets of a production installation in deploy/secrets, which compose.yaml mounts: random, once, never
# printed. What exists is kept, so it may be run again; a lost secret_key signs everybody out and unmakes second factors.
set -euo pipefail
cd "$(dirname "$0")"

mkdir -p secrets
chmod 0700 secrets # nobody else may enter
# In the end, also for files made by hand: each container reads its secrets as a user of its own.
trap 'chmod 0444 secrets/*' EXIT

random() { head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n'; }

# keep NAME CONTENT: write a secret that isn't there yet, whole or not at all.
keep() {
  [[ -e secrets/$1 ]] && return
  printf '%s' "$2" >"secrets/.$1"
  mv "secrets/.$1" "secrets/$1"
  echo "made deploy/secrets/$1"
}

keep secret_key "$(random)"
keep postgres_password "$(random)"
# The passwords inside are hexadecimal, so that nothing in the addresses needs escaping.
keep database_url "postgres://freshtrack_app:$(random)@db:5432/freshtrack"
keep migration_database_url "postgres://freshtrack_owner:$(random)@db:5432/freshtrack"

if [[ ! -e secrets/email_url ]]; then
  address=""
  if [[ -t 0 ]]; then
    echo "The mail server, for example smtp+tls://user:password@mail.example.com:587 (user and password percent-encoded)."
    read -rsp "Address (not shown): " address
    echo
  fi
  if [[ -n $address ]]; then
    keep email_url "$address"
  else
    echo "Missing: deploy/secrets/email_url with the address of the mail server. Without it nobody is told about alerts." >&2
    exit 1
  fi
fi
