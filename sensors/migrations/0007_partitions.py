"""Months are made, drained and dropped without anybody waiting for more than a moment (docs/adr/0016-months.md).

All of it happens with the rights of the tables' owner, since nobody else may make or drop tables; the functions know
three tables, and what they are asked for is a month.
"""

from django.db import migrations

# Whoever waits for a lock holds up everybody behind it: better to give up and to come back. Callers repeat.
PATIENCE = "SET search_path = public, pg_temp SET lock_timeout = '300ms'"

MAKING = """
-- Which default partitions are being drained, and how far. Nobody but the functions below reads or writes it.
CREATE TABLE freshtrack_drain (
  parent text PRIMARY KEY,
  next_block bigint NOT NULL,
  end_block bigint NOT NULL,
  began_at timestamptz NOT NULL DEFAULT now()
);
SELECT freshtrack_close_partition('freshtrack_drain');

-- The column by which a table is partitioned by month. Raises for any other table.
CREATE OR REPLACE FUNCTION freshtrack_month_column(parent_name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  moment text := CASE parent_name WHEN 'sensors_reading' THEN 'recorded_at' WHEN 'sensors_readinghour' THEN 'hour'
    WHEN 'organizations_change' THEN 'at' END;
BEGIN
  IF moment IS NULL THEN
    RAISE EXCEPTION '% is not partitioned by month', parent_name;
  END IF;
  RETURN moment;
END $$;

-- Nobody reaches a partition past its parent. Rows that are never changed are frozen when they are first vacuumed:
-- years later, nothing is left to be rewritten before transaction numbers come round.
CREATE OR REPLACE FUNCTION freshtrack_furnish_partition(parent_name text, partition text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM freshtrack_close_partition(partition);
  IF parent_name <> 'sensors_readinghour' THEN
    EXECUTE format('ALTER TABLE %I SET (autovacuum_freeze_min_age = 0)', partition);
  END IF;
END $$;

-- The partitions of some months, with the rows that the default partition caught: for a few of them. Repeatable; makes
-- none while many are being copied. Who writes into the table waits meanwhile, who reads doesn't: nobody is between
-- choosing a partition and writing into it then, so no row is lost, refused or stored twice.
CREATE OR REPLACE FUNCTION freshtrack_make_partitions(parent regclass, first_month date, months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER {patience} AS $$
DECLARE
  parent_name text := (SELECT relname FROM pg_class WHERE oid = parent);
  moment text := freshtrack_month_column(parent_name);
  start date;
  partition text;
  made integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('freshtrack_make_partitions:' || parent_name));
  IF EXISTS (SELECT FROM freshtrack_drain AS d WHERE d.parent = parent_name) THEN
    RETURN 0;  -- another one in the way of what is being copied would be taken for its copy
  END IF;
  IF to_regclass(parent_name || '_default') IS NULL THEN
    EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', parent_name || '_default', parent_name);
    PERFORM freshtrack_furnish_partition(parent_name, parent_name || '_default');
  END IF;
  FOR i IN 0 .. months - 1 LOOP
    start := date_trunc('month', first_month) + make_interval(months => i);
    partition := parent_name || to_char(start, '_YYYY_MM');
    CONTINUE WHEN to_regclass(partition) IS NOT NULL;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition, parent_name);
    PERFORM freshtrack_furnish_partition(parent_name, partition);
    EXECUTE format('LOCK TABLE ONLY %I IN SHARE ROW EXCLUSIVE MODE', parent_name);
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', parent_name || '_default');
    EXECUTE format(
      'WITH strays AS (DELETE FROM %I WHERE %I >= %L AND %I < %L RETURNING *) INSERT INTO %I SELECT * FROM strays',
      parent_name || '_default', moment, start::timestamp AT TIME ZONE 'UTC',
      moment, (start + interval '1 month') AT TIME ZONE 'UTC', partition);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent_name, partition,
                   start::timestamp AT TIME ZONE 'UTC', (start + interval '1 month') AT TIME ZONE 'UTC');
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;

-- How many rows the default partition has; counts so many at most.
CREATE OR REPLACE FUNCTION freshtrack_strays(parent regclass, most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER {patience} AS $$
DECLARE
  parent_name text := (SELECT relname FROM pg_class WHERE oid = parent);
  strays bigint;
BEGIN
  PERFORM freshtrack_month_column(parent_name);
  EXECUTE format('SELECT count(*) FROM (SELECT FROM %I LIMIT %s) AS sample', parent_name || '_default', most)
  INTO strays;
  RETURN strays;
END $$;

-- The months of which the default partition has rows, up to so many rows in all; nothing if there are more.
CREATE OR REPLACE FUNCTION freshtrack_stray_months(parent regclass, few integer) RETURNS SETOF date
LANGUAGE plpgsql SECURITY DEFINER {patience} AS $$
DECLARE
  parent_name text := (SELECT relname FROM pg_class WHERE oid = parent);
  moment text := freshtrack_month_column(parent_name);
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT month FROM (SELECT date_trunc(''month'', %I AT TIME ZONE ''UTC'')::date AS month, count(*) AS n'
    ' FROM (SELECT %I FROM %I LIMIT %s) AS sample GROUP BY 1) AS months'
    ' WHERE (SELECT count(*) FROM (SELECT FROM %I LIMIT %s) AS sample) <= %s ORDER BY month',
    moment, moment, parent_name || '_default', few + 1, parent_name || '_default', few + 1, few);
END $$;
"""

DRAINING = r"""
-- What changes in a default partition while it is copied changes in the copy too. Arguments: the table, the columns of
-- its key, that of the moment first. A month that the default partition has rows of isn't attached, so this is the copy's.
CREATE OR REPLACE FUNCTION freshtrack_mirror() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  changed record := CASE TG_OP WHEN 'INSERT' THEN NEW ELSE OLD END;
  month text;
  beside text;
BEGIN
  EXECUTE format('SELECT to_char(($1).%I AT TIME ZONE ''UTC'', ''_YYYY_MM'')', TG_ARGV[1]) INTO month USING changed;
  beside := CASE WHEN to_regclass(TG_ARGV[0] || month) IS NULL THEN TG_ARGV[0] || '_strays' ELSE TG_ARGV[0] || month END;
  IF TG_OP <> 'INSERT' THEN
    EXECUTE format('DELETE FROM %I WHERE (%I, %I) = (($1).%I, ($1).%I)',
                   beside, TG_ARGV[1], TG_ARGV[2], TG_ARGV[1], TG_ARGV[2]) USING OLD;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    EXECUTE format('INSERT INTO %I SELECT ($1).* ON CONFLICT DO NOTHING', beside) USING NEW;
  END IF;
  RETURN NULL;
END $$;

-- Many strays can't move while everybody waits. So their months are made beside the table, filled by copying, and
-- then take the default partition's place, all at once: until then readers and writers see the rows where they were.
-- Begins it if the default partition has more rows than a few. Returns whether it is being drained. Repeatable.
CREATE OR REPLACE FUNCTION freshtrack_drain_begin(parent regclass, few integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER {patience} AS $$
DECLARE
  parent_name text := (SELECT relname FROM pg_class WHERE oid = parent);
  moment text := freshtrack_month_column(parent_name);
  stock text := parent_name || '_default';
  strays bigint;
  start date;
  beside text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('freshtrack_make_partitions:' || parent_name));
  IF EXISTS (SELECT FROM freshtrack_drain AS d WHERE d.parent = parent_name) THEN
    RETURN true;
  END IF;
  EXECUTE format('SELECT count(*) FROM (SELECT FROM %I LIMIT %s) AS sample', stock, few + 1) INTO strays;
  IF strays <= few THEN
    RETURN false;
  END IF;
  -- Of a run that was killed after its last step but one.
  EXECUTE format('DROP TABLE IF EXISTS %I', parent_name || '_drained');
  FOR start IN EXECUTE
    format('SELECT DISTINCT date_trunc(''month'', %I AT TIME ZONE ''UTC'')::date FROM %I ORDER BY 1', moment, stock)
  LOOP
    beside := parent_name || to_char(start, '_YYYY_MM');
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)',
                   beside, parent_name);
    -- Proves that its rows are of the month, so that attaching it needn't look at them.
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT of_the_month CHECK (%I >= %L AND %I < %L)', beside,
                   moment, start::timestamp AT TIME ZONE 'UTC',
                   moment, (start + interval '1 month') AT TIME ZONE 'UTC');
    PERFORM freshtrack_furnish_partition(parent_name, beside);
  END LOOP;
  -- For months that nobody has measured anything of yet: the next default partition.
  beside := parent_name || '_strays';
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)',
                 beside, parent_name);
  PERFORM freshtrack_furnish_partition(parent_name, beside);
  -- Waits for those who are writing into the default partition, so every row is either there to be copied or mirrored.
  EXECUTE format('CREATE TRIGGER mirror AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW'
                 ' EXECUTE FUNCTION freshtrack_mirror(%L, %L, %L)', stock, parent_name, moment,
                 CASE parent_name WHEN 'organizations_change' THEN 'id' ELSE 'sensor_id' END);
  INSERT INTO freshtrack_drain (parent, next_block, end_block)
  VALUES (parent_name, 0, pg_relation_size(stock::regclass) / current_setting('block_size')::integer);
  RETURN true;
END $$;

-- Copies the next pages of the default partition. Returns whether that was all; also if somebody else has finished.
CREATE OR REPLACE FUNCTION freshtrack_drain_copy(parent regclass, blocks integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER {patience} AS $$
DECLARE
  parent_name text := (SELECT relname FROM pg_class WHERE oid = parent);
  moment text := freshtrack_month_column(parent_name);
  progress freshtrack_drain;
  upto bigint;
  pages text;
  start date;
  beside text;
BEGIN
  SELECT * INTO progress FROM freshtrack_drain AS d WHERE d.parent = parent_name FOR UPDATE;
  IF NOT FOUND THEN
    RETURN true;
  END IF;
  upto := least(progress.next_block + blocks, progress.end_block);
  IF progress.next_block < upto THEN
    pages := format('FROM %I WHERE ctid >= %L AND ctid < %L', parent_name || '_default',
                    format('(%s,0)', progress.next_block), format('(%s,0)', upto));
    FOR start IN EXECUTE
      format('SELECT DISTINCT date_trunc(''month'', %I AT TIME ZONE ''UTC'')::date %s ORDER BY 1', moment, pages)
    LOOP
      beside := parent_name || to_char(start, '_YYYY_MM');
      -- Of a month that nobody had measured anything of when the copy was prepared.
      beside := CASE WHEN to_regclass(beside) IS NULL THEN parent_name || '_strays' ELSE beside END;
      -- Locked, so that what is deleted at this moment isn't brought back by its copy.
      EXECUTE format('INSERT INTO %I (SELECT * %s AND %I >= %L AND %I < %L FOR SHARE) ON CONFLICT DO NOTHING',
                     beside, pages, moment, start::timestamp AT TIME ZONE 'UTC',
                     moment, (start + interval '1 month') AT TIME ZONE 'UTC');
    END LOOP;
    UPDATE freshtrack_drain AS d SET next_block = upto WHERE d.parent = parent_name;
  END IF;
  RETURN upto >= progress.end_block;
END $$;

-- The copy takes the default partition's place. Everybody waits for this; it only turns names round and looks at no
-- row but those that came for months which the copy didn't know. Returns how many months there are more; none, if
-- somebody else has finished.
CREATE OR REPLACE FUNCTION freshtrack_drain_switch(parent regclass) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER {patience} AS $$
DECLARE
  parent_name text := (SELECT relname FROM pg_class WHERE oid = parent);
  stock text := parent_name || '_default';
  start date;
  beside text;
  made integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('freshtrack_make_partitions:' || parent_name));
  IF NOT EXISTS (SELECT FROM freshtrack_drain AS d WHERE d.parent = parent_name AND next_block >= end_block) THEN
    RETURN 0;
  END IF;
  EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', parent_name);
  EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', stock);
  EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent_name, stock);
  EXECUTE format('ALTER TABLE %I RENAME TO %I', stock, parent_name || '_drained');
  FOR beside IN
    SELECT c.relname FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
      AND c.relname ~ ('^' || parent_name || '_[0-9]{4}_[0-9]{2}$')
    ORDER BY c.relname
  LOOP
    start := to_date(right(beside, 7), 'YYYY_MM');
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent_name, beside,
                   start::timestamp AT TIME ZONE 'UTC', (start + interval '1 month') AT TIME ZONE 'UTC');
    made := made + 1;
  END LOOP;
  EXECUTE format('ALTER TABLE %I RENAME TO %I', parent_name || '_strays', stock);
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I DEFAULT', parent_name, stock);
  DELETE FROM freshtrack_drain AS d WHERE d.parent = parent_name;
  RETURN made;
END $$;

-- The old default partition, of which every row has its copy, goes; the new one takes over the names of its indexes.
-- What proved that rows are of their months is proved by the partitions now.
CREATE OR REPLACE FUNCTION freshtrack_drain_end(parent regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER {patience} AS $$
DECLARE
  parent_name text := (SELECT relname FROM pg_class WHERE oid = parent);
  index text;
  month text;
BEGIN
  PERFORM freshtrack_month_column(parent_name);
  EXECUTE format('DROP TABLE IF EXISTS %I', parent_name || '_drained');
  FOR index IN
    SELECT c.relname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indrelid = (parent_name || '_default')::regclass AND c.relname LIKE parent_name || '\_strays%'
  LOOP
    EXECUTE format('ALTER INDEX %I RENAME TO %I', index, replace(index, '_strays', '_default'));
  END LOOP;
  FOR month IN
    SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    JOIN pg_constraint AS p ON p.conrelid = c.oid WHERE i.inhparent = parent AND p.conname = 'of_the_month'
  LOOP
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT of_the_month', month);
  END LOOP;
END $$;
"""

FURNISHING = """
DO $$
DECLARE
  found record;
BEGIN
  FOR found IN
    SELECT p.relname AS parent_name, c.relname AS partition
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
    WHERE p.relname IN ('sensors_reading', 'organizations_change') AND c.relkind = 'r'
  LOOP
    EXECUTE format('ALTER TABLE %I SET (autovacuum_freeze_min_age = 0)', found.partition);
  END LOOP;
END $$;
"""

# Asked by the functions below: they run as the tables' owner, whom row-level security shows no customer's row.
ASKING = """
GRANT CREATE ON SCHEMA public TO freshtrack_system;
SET LOCAL ROLE freshtrack_system;

-- Why a month of readings must stay, for these organizations; null: it may go. `kept`: not every organization's
-- years are over. `held`: a legal hold. `unknown`: readings of an organization that nobody knows. `arrivals`: some of
-- its hours aren't summed up yet.
CREATE OR REPLACE FUNCTION freshtrack_month_obstacle(month date, numbers integer[]) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  begun timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
  ended timestamptz := (date_trunc('month', month::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
  IF ended + interval '3 years' > now() OR EXISTS (
    SELECT FROM organizations_organization
    WHERE number = ANY (numbers) AND ended + make_interval(years => keep_years) > now()
  ) THEN
    RETURN 'kept';
  END IF;
  IF EXISTS (
    SELECT FROM organizations_legalhold AS h JOIN organizations_organization AS o ON o.id = h.organization_id
    WHERE o.number = ANY (numbers) AND h.lifted_at IS NULL
  ) THEN
    RETURN 'held';
  END IF;
  IF EXISTS (
    SELECT FROM unnest(numbers) AS wanted (number)
    WHERE NOT EXISTS (SELECT FROM organizations_organization AS o WHERE o.number = wanted.number)
  ) THEN
    RETURN 'unknown';
  END IF;
  IF EXISTS (
    SELECT FROM sensors_arrival AS a, unnest(a.hours) AS noted (hour)
    -- Below zero: a whole sensor is to be summed up anew.
    WHERE noted.hour < 0
      OR (noted.hour > extract(epoch FROM begun) / 3600 - 1 AND noted.hour < extract(epoch FROM ended) / 3600)
  ) THEN
    RETURN 'arrivals';
  END IF;
  RETURN NULL;
END $$;

-- The organizations that measured something in a month. By the sensors, of which each needs one look into the index.
CREATE OR REPLACE FUNCTION freshtrack_month_organizations(month date) RETURNS integer[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  begun timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
  ended timestamptz := (date_trunc('month', month::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
  RETURN (
    WITH RECURSIVE probes AS (
      (SELECT sensor_id, organization_number FROM sensors_reading
       WHERE recorded_at >= begun AND recorded_at < ended ORDER BY sensor_id LIMIT 1)
      UNION ALL
      SELECT following.* FROM probes CROSS JOIN LATERAL (
        SELECT sensor_id, organization_number FROM sensors_reading
        WHERE recorded_at >= begun AND recorded_at < ended AND sensor_id > probes.sensor_id ORDER BY sensor_id LIMIT 1
      ) AS following
    )
    SELECT coalesce(array_agg(DISTINCT organization_number ORDER BY organization_number), '{}') FROM probes
  );
END $$;

-- Whether the hours of a month say everything that its readings do: as many temperatures in the hours that lie inside
-- it as there are readings in them. Where clocks stand 30 or 45 minutes off, an hour may lie across the month's border.
CREATE OR REPLACE FUNCTION freshtrack_month_summed(month date) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  begun timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
  ended timestamptz := (date_trunc('month', month::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
  RETURN NOT EXISTS (
    WITH RECURSIVE probes AS (
      (SELECT sensor_id FROM sensors_reading
       WHERE recorded_at >= begun AND recorded_at < ended ORDER BY sensor_id LIMIT 1)
      UNION ALL
      SELECT following.* FROM probes CROSS JOIN LATERAL (
        SELECT sensor_id FROM sensors_reading
        WHERE recorded_at >= begun AND recorded_at < ended AND sensor_id > probes.sensor_id ORDER BY sensor_id LIMIT 1
      ) AS following
    )
    SELECT FROM probes
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(count), 0) AS summed,
             coalesce((extract(epoch FROM min(hour))::bigint - extract(epoch FROM begun)::bigint) % 3600, 0) AS after,
             coalesce((extract(epoch FROM max(hour))::bigint - extract(epoch FROM begun)::bigint) % 3600, 0) AS rest
      FROM sensors_readinghour
      WHERE sensor_id = probes.sensor_id AND hour >= begun AND hour <= ended - interval '1 hour'
    ) AS hours
    CROSS JOIN LATERAL (
      SELECT count(temperature) AS measured FROM sensors_reading
      WHERE sensor_id = probes.sensor_id AND recorded_at >= begun + make_interval(secs => hours.after)
        AND recorded_at < ended - make_interval(secs => (3600 - hours.rest) % 3600)
    ) AS readings
    WHERE readings.measured <> hours.summed
  );
END $$;

-- The ids of organizations by their numbers.
CREATE OR REPLACE FUNCTION freshtrack_organizations(numbers integer[]) RETURNS TABLE (number integer, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT o.number, o.id FROM organizations_organization AS o WHERE o.number = ANY (numbers)
$$;

REVOKE EXECUTE ON FUNCTION freshtrack_month_obstacle, freshtrack_month_organizations, freshtrack_month_summed,
  freshtrack_organizations FROM PUBLIC;
DO $$
DECLARE
  owner text := (SELECT relowner::regrole::text FROM pg_class WHERE oid = 'sensors_reading'::regclass);
BEGIN
  EXECUTE format('GRANT EXECUTE ON FUNCTION freshtrack_month_obstacle, freshtrack_month_organizations,'
                 ' freshtrack_month_summed, freshtrack_organizations TO %s', owner);
END $$;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM freshtrack_system;
"""

RETIRING = """
-- Months that are about to go: what was counted of them. And who wrote into them since. Only the functions below.
CREATE TABLE freshtrack_retiring (month_table text PRIMARY KEY, counted jsonb NOT NULL);
CREATE TABLE freshtrack_written (month_table text NOT NULL);
SELECT freshtrack_close_partition('freshtrack_retiring');
SELECT freshtrack_close_partition('freshtrack_written');

CREATE OR REPLACE FUNCTION freshtrack_note_writing() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO freshtrack_written (month_table) VALUES (TG_TABLE_NAME);
  RETURN NULL;
END $$;

-- Each customer's record tells that a month of theirs went. Only the tables' owner has the privilege to insert.
CREATE POLICY by_retention ON organizations_change FOR INSERT TO PUBLIC
  WITH CHECK (entity = 'readings' AND action = 'delete' AND via = 'retention');

-- The table of a month of readings. Raises for what isn't one.
CREATE OR REPLACE FUNCTION freshtrack_readings_of(month date) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  month_table text := 'sensors_reading' || to_char(month, '_YYYY_MM');
BEGIN
  IF NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = 'sensors_reading'::regclass
                 AND inhrelid = to_regclass(month_table)) THEN
    RAISE EXCEPTION 'no partition of readings is called %', month_table;
  END IF;
  RETURN month_table;
END $$;

-- From now on it is noted whether somebody writes into the month, so that what is counted is what goes although nobody
-- waits while it is counted. Repeatable: it begins anew.
CREATE OR REPLACE FUNCTION freshtrack_retire_begin(month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER {patience} AS $$
DECLARE
  going text := freshtrack_readings_of(month);
BEGIN
  EXECUTE format('CREATE OR REPLACE TRIGGER note_writing AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW'
                 ' EXECUTE FUNCTION freshtrack_note_writing()', going);
  DELETE FROM freshtrack_written WHERE month_table = going;
  DELETE FROM freshtrack_retiring WHERE month_table = going;
END $$;

-- It isn't going to happen: nothing is noted any more.
CREATE OR REPLACE FUNCTION freshtrack_retire_cancel(month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER {patience} AS $$
DECLARE
  staying text := freshtrack_readings_of(month);
BEGIN
  EXECUTE format('DROP TRIGGER IF EXISTS note_writing ON %I', staying);
  DELETE FROM freshtrack_written WHERE month_table = staying;
  DELETE FROM freshtrack_retiring WHERE month_table = staying;
END $$;

-- Counts the month, for as long as it takes: how many rows each organization has, and their SHA-256. That is the sum
-- of the sums of its sensors in the order of their numbers; a sensor's is of its rows in the order of time, each a line
-- `milliseconds since 1970,delay_s,temperature,humidity,battery,signal,door` as stored. Returns why the month can't go,
-- as freshtrack_month_obstacle does, or `unsummed`; null: it was counted.
CREATE OR REPLACE FUNCTION freshtrack_retire_count(month date) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER {patience} AS $$
DECLARE
  going text := freshtrack_readings_of(month);
  obstacle text;
  found jsonb;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = going::regclass AND tgname = 'note_writing') THEN
    RAISE EXCEPTION 'nobody notes who writes into %', going;
  END IF;
  EXECUTE format($sums$
    SELECT coalesce(jsonb_agg(jsonb_build_object('number', organization_number, 'rows', n, 'sha256', encode(sum, 'hex'))
                              ORDER BY organization_number), '[]')
    FROM (
      SELECT organization_number, sum(n)::bigint AS n, sha256(string_agg(sum, ''::bytea ORDER BY sensor_id)) AS sum
      FROM (
        SELECT organization_number, sensor_id, count(*) AS n, sha256(convert_to(string_agg(concat(
          (extract(epoch FROM recorded_at) * 1000)::bigint, ',', delay_s, ',', temperature, ',', humidity, ',', battery,
          ',', signal, ',', door), chr(10) ORDER BY recorded_at), 'UTF8')) AS sum
        FROM %I GROUP BY organization_number, sensor_id
      ) AS probes GROUP BY organization_number
    ) AS organizations $sums$, going) INTO found;
  obstacle := freshtrack_month_obstacle(month, ARRAY(SELECT (o->>'number')::integer FROM jsonb_array_elements(found) AS o));
  IF obstacle IS NULL AND NOT freshtrack_month_summed(month) THEN
    obstacle := 'unsummed';
  END IF;
  IF obstacle IS NULL THEN
    INSERT INTO freshtrack_retiring (month_table, counted) VALUES (going, found)
    ON CONFLICT (month_table) DO UPDATE SET counted = excluded.counted;
  END IF;
  RETURN obstacle;
END $$;

-- The counted month goes, for good, and the record of each organization says so. Returns what was counted, or null and
-- why it can't go: as before, `written`: somebody wrote into it since, `uncounted`. Nobody places a legal hold or
-- changes for how long something is kept while it decides.
CREATE OR REPLACE FUNCTION freshtrack_retire_drop(month date, OUT gone jsonb, OUT obstacle text)
LANGUAGE plpgsql SECURITY DEFINER {patience} AS $$
DECLARE
  going text := freshtrack_readings_of(month);
  numbers integer[];
BEGIN
  LOCK TABLE ONLY sensors_reading IN ACCESS EXCLUSIVE MODE;
  LOCK TABLE sensors_reading_default IN ACCESS EXCLUSIVE MODE;
  EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', going);
  LOCK TABLE organizations_legalhold, organizations_organization IN SHARE MODE;
  SELECT counted INTO gone FROM freshtrack_retiring WHERE month_table = going;
  numbers := ARRAY(SELECT (o->>'number')::integer FROM jsonb_array_elements(gone) AS o);
  obstacle := CASE
    WHEN gone IS NULL THEN 'uncounted'
    WHEN EXISTS (SELECT FROM freshtrack_written WHERE month_table = going) THEN 'written'
    ELSE freshtrack_month_obstacle(month, numbers)
  END;
  IF obstacle IS NOT NULL THEN
    gone := NULL;
    RETURN;
  END IF;
  INSERT INTO organizations_change (organization_id, entity, entity_id, action, changes, via)
  SELECT known.id, 'readings', to_char(month, 'YYYY-MM'), 'delete',
         jsonb_build_object('rows', jsonb_build_object('before', o->'rows', 'after', NULL),
                            'sha256', jsonb_build_object('before', o->'sha256', 'after', NULL)), 'retention'
  FROM jsonb_array_elements(gone) AS o
  JOIN freshtrack_organizations(numbers) AS known ON known.number = (o->>'number')::integer;
  EXECUTE format('DROP TABLE %I', going);
  DELETE FROM freshtrack_written WHERE month_table = going;
  DELETE FROM freshtrack_retiring WHERE month_table = going;
END $$;

REVOKE EXECUTE ON FUNCTION freshtrack_strays, freshtrack_stray_months, freshtrack_drain_begin, freshtrack_drain_copy,
  freshtrack_drain_switch, freshtrack_drain_end, freshtrack_retire_begin, freshtrack_retire_cancel,
  freshtrack_retire_count, freshtrack_retire_drop, freshtrack_mirror, freshtrack_note_writing FROM PUBLIC;
GRANT EXECUTE ON FUNCTION freshtrack_strays, freshtrack_stray_months, freshtrack_drain_begin, freshtrack_drain_copy,
  freshtrack_drain_switch, freshtrack_drain_end, freshtrack_retire_begin, freshtrack_retire_cancel,
  freshtrack_retire_count, freshtrack_retire_drop, freshtrack_month_obstacle, freshtrack_month_organizations,
  freshtrack_month_summed TO freshtrack_system;
"""


class Migration(migrations.Migration):
    dependencies = [("sensors", "0006_summaries"), ("organizations", "0005_keeping")]

    operations = [
        migrations.RunSQL(MAKING.replace("{patience}", PATIENCE), migrations.RunSQL.noop),
        migrations.RunSQL(DRAINING.replace("{patience}", PATIENCE), migrations.RunSQL.noop),
        migrations.RunSQL(FURNISHING, migrations.RunSQL.noop),
        migrations.RunSQL(ASKING, migrations.RunSQL.noop),
        migrations.RunSQL(RETIRING.replace("{patience}", PATIENCE), migrations.RunSQL.noop),
    ]
