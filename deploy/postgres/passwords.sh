#!/usr/bin/env bash
# Gives the two logins of roles.sql their passwords: those in the addresses that the other containers are given.
# The image of PostgreSQL runs it once, after roles.sql, when it makes the database (files in alphabetical order).
# Run it again after an address was changed; it needs a superuser on the local socket.
set -euo pipefail

password_of() {
  local address
  address=$(<"$1")
  # Letters and digits mean the same in an address, in psql and in SQL.
  if [[ ! $address =~ ^postgres(ql)?://[a-z_]+:([A-Za-z0-9._~-]+)@ ]]; then
    echo "$1 must hold an address like postgres://login:password@db:5432/freshtrack," \
      "with a password of letters, digits and . _ ~ -" >&2
    exit 1
  fi
  printf '%s' "${BASH_REMATCH[2]}"
}

app=$(password_of "${DATABASE_URL_FILE:-/run/secrets/database_url}")
owner=$(password_of "${MIGRATION_DATABASE_URL_FILE:-/run/secrets/migration_database_url}")

# Through standard input, because arguments are shown by ps; and not into the server's log, however slow it is.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<SQL
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
ALTER ROLE freshtrack_app PASSWORD '$app';
ALTER ROLE freshtrack_owner PASSWORD '$owner';
SQL
