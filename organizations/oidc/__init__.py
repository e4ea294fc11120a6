"""Bearer tokens of other identity providers (OIDC_ISSUERS): whose keys, is it genuine, who is it here."""
