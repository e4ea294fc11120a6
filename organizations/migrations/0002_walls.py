"""The second wall between customers, and the record of every change: two functions that later migrations call.

A migration that makes a table of customer data ends with
`SELECT freshtrack_own_table('app_table', 'entity', ARRAY['volatile', 'columns'])`; one that adds a column to such a
table calls it again. Roles are made by deploy/postgres/roles.sql; where one login does everything, they are made here.
"""

from django.db import migrations

ROLES = """
DO $$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['freshtrack_tenant', 'freshtrack_system'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role);
      -- Without inheritance: a login that inherits the system role would see everything at all times.
      IF current_setting('server_version_num')::integer >= 160000 THEN
        EXECUTE format('GRANT %I TO %I WITH INHERIT FALSE, SET TRUE', role, current_user);
      ELSE
        EXECUTE format('GRANT %I TO %I', role, current_user);
        EXECUTE format('ALTER ROLE %I NOINHERIT', current_user);
      END IF;
    END IF;
  END LOOP;
END $$;

-- Tables that exist already, and those that come: the system role works on all of them.
GRANT USAGE ON SCHEMA public TO freshtrack_tenant, freshtrack_system;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO freshtrack_system;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO freshtrack_tenant, freshtrack_system;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO freshtrack_system;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO freshtrack_tenant, freshtrack_system;
"""

FUNCTIONS = """
-- Writes one organizations_change row for a changed row. Arguments: entity, hidden columns.
-- SECURITY DEFINER: no role of the application may insert into the change log by itself.
CREATE FUNCTION freshtrack_record_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  hidden text[] := TG_ARGV[1]::text[];
  old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
  new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
  any_row jsonb := coalesce(new_row, old_row);
  difference jsonb;
BEGIN
  SELECT jsonb_object_agg(key, jsonb_build_object('before', old_row->key, 'after', new_row->key)) INTO difference
  FROM jsonb_object_keys(any_row - hidden) AS key
  WHERE coalesce(old_row->key, 'null') IS DISTINCT FROM coalesce(new_row->key, 'null');
  IF difference IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO organizations_change
    (organization_id, site_id, entity, entity_id, action, changes, actor_id, via, address, request_id)
  VALUES (
    coalesce(any_row->>'organization_id', any_row->>'id')::uuid,
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

-- Row-level security and privileges of a customer's table; `entity` (if any) names it in the change log,
-- `hidden` are columns that never appear there: secrets, and volatile ones such as newest values.
CREATE FUNCTION freshtrack_own_table(owned regclass, entity text, hidden text[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  belongs text;
  recorded text;
BEGIN
  belongs := CASE
    WHEN owned = 'organizations_organization'::regclass
      THEN 'id = (SELECT nullif(current_setting(''freshtrack.organization'', true), '''')::uuid)'
    WHEN EXISTS (SELECT FROM pg_attribute WHERE attrelid = owned AND attname = 'organization_number')
      THEN 'organization_number = (SELECT nullif(current_setting(''freshtrack.number'', true), '''')::integer)'
    ELSE 'organization_id = (SELECT nullif(current_setting(''freshtrack.organization'', true), '''')::uuid)'
  END;
  -- FORCE: where one login does everything, it owns the table, and an owner would otherwise see all rows.
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', owned);
  EXECUTE format('DROP POLICY IF EXISTS one_organization ON %s', owned);
  EXECUTE format('CREATE POLICY one_organization ON %s TO freshtrack_tenant USING (%s)', owned, belongs);
  EXECUTE format('DROP POLICY IF EXISTS every_organization ON %s', owned);
  EXECUTE format('CREATE POLICY every_organization ON %s TO freshtrack_system USING (true)', owned);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO freshtrack_tenant, freshtrack_system', owned);

  EXECUTE format('DROP TRIGGER IF EXISTS record_change ON %s', owned);
  EXECUTE format('DROP TRIGGER IF EXISTS record_update ON %s', owned);
  IF entity IS NULL THEN
    RETURN;
  END IF;
  EXECUTE format('CREATE TRIGGER record_change AFTER INSERT OR DELETE ON %s FOR EACH ROW'
                 ' EXECUTE FUNCTION freshtrack_record_change(%L, %L)', owned, entity, hidden);
  -- Only when a visible column is set: newest values change with each reading and must cost nothing here.
  SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO recorded
  FROM pg_attribute WHERE attrelid = owned AND attnum > 0 AND NOT attisdropped AND attname <> ALL (hidden);
  EXECUTE format('CREATE TRIGGER record_update AFTER UPDATE OF %s ON %s FOR EACH ROW'
                 ' EXECUTE FUNCTION freshtrack_record_change(%L, %L)', recorded, owned, entity, hidden);
END $$;

-- A table that belongs to people: in an organization, only rows of its members (past ones too) can be read.
CREATE FUNCTION freshtrack_people_table(owned regclass, person text, in_organization boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', owned);
  EXECUTE format('CREATE POLICY everybody ON %s TO freshtrack_system USING (true)', owned);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO freshtrack_system', owned);
  IF in_organization THEN
    EXECUTE format(
      'CREATE POLICY members ON %s FOR SELECT TO freshtrack_tenant USING (%I IN (SELECT user_id FROM'
      ' organizations_membership WHERE organization_id ='
      ' (SELECT nullif(current_setting(''freshtrack.organization'', true), '''')::uuid)))', owned, person);
    EXECUTE format('GRANT SELECT ON %s TO freshtrack_tenant', owned);
  END IF;
END $$;

-- Makes the monthly partitions of a table from a month on. Repeatable; called by migrations and by a beat task, so
-- SECURITY DEFINER, and only for the tables it knows. Rows that the default partition caught meanwhile move over.
CREATE FUNCTION freshtrack_make_partitions(parent regclass, first_month date, months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  parent_name text;
  moment text;
  start date;
  partition text;
  made integer := 0;
BEGIN
  SELECT relname INTO parent_name FROM pg_class WHERE oid = parent;
  moment := CASE parent_name WHEN 'sensors_reading' THEN 'recorded_at' WHEN 'organizations_change' THEN 'at' END;
  IF moment IS NULL THEN
    RAISE EXCEPTION '% is not partitioned by month', parent_name;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('freshtrack_make_partitions:' || parent_name));
  IF to_regclass(parent_name || '_default') IS NULL THEN
    EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', parent_name || '_default', parent_name);
    PERFORM freshtrack_close_partition(parent_name || '_default');
  END IF;
  FOR i IN 0 .. months - 1 LOOP
    start := date_trunc('month', first_month) + make_interval(months => i);
    partition := parent_name || to_char(start, '_YYYY_MM');
    CONTINUE WHEN to_regclass(partition) IS NOT NULL;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition, parent_name);
    EXECUTE format(
      'WITH strays AS (DELETE FROM %I WHERE %I >= %L AND %I < %L RETURNING *) INSERT INTO %I SELECT * FROM strays',
      parent_name || '_default', moment, start::timestamp AT TIME ZONE 'UTC',
      moment, (start + interval '1 month') AT TIME ZONE 'UTC', partition);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent_name, partition,
                   start::timestamp AT TIME ZONE 'UTC', (start + interval '1 month') AT TIME ZONE 'UTC');
    PERFORM freshtrack_close_partition(partition);
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;
REVOKE EXECUTE ON FUNCTION freshtrack_make_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION freshtrack_make_partitions TO freshtrack_system;

-- The policies of the parent don't hold for a query that names a partition: nobody may.
CREATE FUNCTION freshtrack_close_partition(partition text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  grantee text;
BEGIN
  EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', partition);
  FOR grantee IN
    SELECT DISTINCT r.rolname FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
    WHERE c.oid = partition::regclass AND a.grantee <> c.relowner
  LOOP
    EXECUTE format('REVOKE ALL ON %I FROM %I', partition, grantee);
  END LOOP;
END $$;
"""

TABLES = """
SELECT freshtrack_own_table('organizations_organization', 'organization');
SELECT freshtrack_own_table('organizations_membership', 'membership');
SELECT freshtrack_own_table('organizations_apikey', 'api_key', ARRAY['hash', 'last_used_at']);

-- The change log: read it in your organization, never write it. The trigger writes as the table's owner.
SELECT freshtrack_own_table('organizations_change', NULL);
REVOKE INSERT, UPDATE, DELETE ON organizations_change FROM freshtrack_tenant, freshtrack_system;
CREATE POLICY by_trigger ON organizations_change FOR INSERT TO PUBLIC WITH CHECK (pg_trigger_depth() > 0);
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'freshtrack_app') AND current_user <> 'freshtrack_app' THEN
    REVOKE INSERT, UPDATE, DELETE ON organizations_change FROM freshtrack_app;
  END IF;
END $$;
SELECT freshtrack_make_partitions('organizations_change', (now() AT TIME ZONE 'UTC')::date, 4);

-- Tokens are looked up before anybody is known; no organization has any business with them.
SELECT freshtrack_people_table('organizations_accesstoken', 'user_id', false);
-- Sign-in, done by the runtime login itself, must find everybody; inside an organization only its people exist.
ALTER TABLE organizations_user ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in ON organizations_user TO PUBLIC USING (current_user <> 'freshtrack_tenant');
CREATE POLICY members ON organizations_user FOR SELECT TO freshtrack_tenant USING (
  id IN (SELECT user_id FROM organizations_membership
         WHERE organization_id = (SELECT nullif(current_setting('freshtrack.organization', true), '')::uuid)));
GRANT SELECT ON organizations_user TO freshtrack_tenant;
GRANT SELECT, INSERT, UPDATE ON organizations_beat TO freshtrack_system;
"""


class Migration(migrations.Migration):
    dependencies = [("organizations", "0001_initial")]

    operations = [
        migrations.RunSQL(ROLES, migrations.RunSQL.noop),
        migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop),
        migrations.RunSQL(TABLES, migrations.RunSQL.noop),
    ]
