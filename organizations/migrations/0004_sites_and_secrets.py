"""Row-level security within an organization: members who are restricted to some sites. And the new tables' walls.

A migration that makes a table with rows of sites ends with `SELECT freshtrack_site_table('app_table', '<condition>')`
after `freshtrack_own_table`. In the condition `freshtrack_sites()` stands for the member's sites.
"""

from django.db import migrations

FUNCTIONS = """
-- Hides a table's rows of other sites from members who are restricted to some (`freshtrack.sites`, set with the
-- organization). `seen` is the condition in SQL; `written`, where it differs, that of rows they may write.
CREATE FUNCTION freshtrack_site_table(owned regclass, seen text, written text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  -- Both as subqueries, so that they are evaluated once a statement and not once a row.
  everywhere text := '(SELECT coalesce(current_setting(''freshtrack.sites'', true), '''') = '''')';
  sites text := '(SELECT nullif(current_setting(''freshtrack.sites'', true), '''')::uuid[])::uuid[]';
  condition text;
  command text;
BEGIN
  seen := replace(seen, 'freshtrack_sites()', sites);
  written := replace(coalesce(written, seen), 'freshtrack_sites()', sites);
  FOREACH command IN ARRAY ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] LOOP
    EXECUTE format('DROP POLICY IF EXISTS %I ON %s', 'some_sites_' || lower(command), owned);
    condition := format('(%s OR (%s))', everywhere, CASE command WHEN 'SELECT' THEN seen ELSE written END);
    EXECUTE format('CREATE POLICY %I ON %s AS RESTRICTIVE FOR %s TO freshtrack_tenant %s (%s)',
                   'some_sites_' || lower(command), owned, command,
                   CASE command WHEN 'INSERT' THEN 'WITH CHECK' ELSE 'USING' END, condition);
  END LOOP;
END $$;

-- As before, and: an organization that is purged leaves a trace of each row, without what stood in it.
CREATE OR REPLACE FUNCTION freshtrack_record_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  hidden text[] := TG_ARGV[1]::text[];
  old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
  new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
  any_row jsonb := coalesce(new_row, old_row);
  -- A message about a person's own account belongs to no organization: it is nobody's change.
  organization text := CASE WHEN any_row ? 'organization_id' THEN any_row->>'organization_id' ELSE any_row->>'id' END;
  difference jsonb;
BEGIN
  IF organization IS NULL THEN
    RETURN NULL;
  END IF;
  IF TG_OP = 'DELETE' AND current_setting('freshtrack.purging', true) = organization THEN
    difference := '{}';
  ELSE
    SELECT jsonb_object_agg(key, jsonb_build_object('before', old_row->key, 'after', new_row->key)) INTO difference
    FROM jsonb_object_keys(any_row - hidden) AS key
    WHERE coalesce(old_row->key, 'null') IS DISTINCT FROM coalesce(new_row->key, 'null');
  END IF;
  IF difference IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO organizations_change
    (organization_id, site_id, entity, entity_id, action, changes, actor_id, via, address, request_id)
  VALUES (
    organization::uuid,
    CASE WHEN TG_ARGV[0] = 'site' THEN any_row->>'id' ELSE any_row->>'site_id' END::uuid,
    TG_ARGV[0],
    coalesce(any_row->>'public_id', any_row->>'id'),
    CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'update' ELSE 'delete' END,
    difference,
    nullif(current_setting('freshtrack.actor', true), '')::uuid,
    coalesce(nullif(current_setting('freshtrack.via', true), ''), 'shell'),
    coalesce(current_setting('freshtrack.address', true), ''),
    coalesce(current_setting('freshtrack.request', true), '')
  );
  RETURN NULL;
END $$;
"""

TABLES = """
SELECT freshtrack_own_table('organizations_membership', 'membership');
SELECT freshtrack_own_table('organizations_formerslug', NULL);
SELECT freshtrack_own_table('organizations_invitation', 'invitation', ARRAY['hash']);
SELECT freshtrack_own_table('organizations_idempotentanswer', NULL);
SELECT freshtrack_own_table('organizations_securityevent', 'security_event');
SELECT freshtrack_people_table('organizations_externalidentity', 'user_id', false);
"""


class Migration(migrations.Migration):
    dependencies = [("organizations", "0003_invitations_identities_sites")]

    operations = [
        migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop),
        migrations.RunSQL(TABLES, migrations.RunSQL.noop),
    ]
