#!/bin/sh
# Takes secrets from files, then becomes the command: NAME_FILE=/run/secrets/name sets NAME to the file's content.
#
# Files, because an environment is shown by `docker inspect` and inherited by whatever is started. Only the names below:
# others end in _FILE and mean something else (SSL_CERT_FILE).
set -eu

for name in SECRET_KEY DATABASE_URL MIGRATION_DATABASE_URL REDIS_URL EMAIL_URL EMAIL_WEBHOOK_SECRET EMAIL_WEBHOOK_SIGNING_KEY STRIPE_SECRET_KEY GOOGLE_CLIENT_SECRET APPLE_PRIVATE_KEY OPENID_PROVIDERS; do
  eval "value=\${$name:-} file=\${${name}_FILE:-}"
  # shellcheck disable=SC2154 # eval sets both
  [ -n "$file" ] || continue
  if [ -n "$value" ]; then
    echo "Both $name and ${name}_FILE are set: give only one of them." >&2
    exit 64
  fi
  if ! value=$(cat "$file") || [ -z "$value" ]; then
    echo "The secret file $file of $name is empty or can't be read by user $(id -u)." >&2
    exit 66
  fi
  export "$name=$value"
done
unset name value file

exec "$@"
