"""Readings summed up by hour and by day, and what is still to be summed up."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import sensors.fields

# The order packs the row without holes.
HOURS = """
CREATE TABLE sensors_readinghour (
    hour timestamptz NOT NULL,
    total bigint NOT NULL,
    humidity_total bigint NOT NULL,
    sensor_id integer NOT NULL,
    organization_number integer NOT NULL,
    count integer NOT NULL,
    humidity_count integer NOT NULL,
    lowest smallint,
    highest smallint,
    first smallint,
    last smallint,
    humidity_lowest smallint,
    humidity_highest smallint,
    PRIMARY KEY (sensor_id, hour)
) PARTITION BY RANGE (hour)
"""

TABLES = """
CREATE OR REPLACE FUNCTION freshtrack_make_partitions(parent regclass, first_month date, months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  parent_name text;
  moment text;
  start date;
  partition text;
  made integer := 0;
BEGIN
  SELECT relname INTO parent_name FROM pg_class WHERE oid = parent;
  moment := CASE parent_name WHEN 'sensors_reading' THEN 'recorded_at' WHEN 'sensors_readinghour' THEN 'hour'
    WHEN 'organizations_change' THEN 'at' END;
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

SELECT freshtrack_own_table('sensors_readinghour', NULL);
SELECT freshtrack_own_table('sensors_readingday', NULL);
SELECT freshtrack_own_table('sensors_arrival', NULL);
SELECT freshtrack_site_table('sensors_readinghour',
  'sensor_id IN (SELECT id FROM sensors_sensor WHERE site_id = ANY (freshtrack_sites()))');
SELECT freshtrack_site_table('sensors_readingday',
  'sensor_id IN (SELECT id FROM sensors_sensor WHERE site_id = ANY (freshtrack_sites()))');
SELECT freshtrack_make_partitions('sensors_readinghour', (now() AT TIME ZONE 'UTC' - interval '12 months')::date, 16);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0005_keeping"),
        ("sensors", "0005_newest_in_place"),
    ]

    operations = [
        migrations.CreateModel(
            name="Arrival",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("sensors", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                (
                    "hours",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(), help_text="Whole hours since 1970, UTC.", size=None
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_column="organization_number",
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="organizations.organization",
                        to_field="number",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ReadingDay",
            fields=[
                ("count", models.IntegerField()),
                ("total", models.BigIntegerField(help_text="The sum, in hundredths of °C.")),
                ("lowest", sensors.fields.CentiField(null=True)),
                ("highest", sensors.fields.CentiField(null=True)),
                ("first", sensors.fields.CentiField(null=True)),
                ("last", sensors.fields.CentiField(null=True)),
                ("humidity_count", models.IntegerField()),
                ("humidity_total", models.BigIntegerField(help_text="The sum, in hundredths of % RH.")),
                ("humidity_lowest", sensors.fields.CentiField(null=True)),
                ("humidity_highest", sensors.fields.CentiField(null=True)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "sensor_id", "day", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateTimeField(help_text="Where it starts: the site's midnight.")),
                (
                    "organization",
                    models.ForeignKey(
                        db_column="organization_number",
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="organizations.organization",
                        to_field="number",
                    ),
                ),
                (
                    "sensor",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="sensors.sensor",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="ReadingHour",
                    fields=[
                        ("count", models.IntegerField()),
                        ("total", models.BigIntegerField(help_text="The sum, in hundredths of °C.")),
                        ("lowest", sensors.fields.CentiField(null=True)),
                        ("highest", sensors.fields.CentiField(null=True)),
                        ("first", sensors.fields.CentiField(null=True)),
                        ("last", sensors.fields.CentiField(null=True)),
                        ("humidity_count", models.IntegerField()),
                        ("humidity_total", models.BigIntegerField(help_text="The sum, in hundredths of % RH.")),
                        ("humidity_lowest", sensors.fields.CentiField(null=True)),
                        ("humidity_highest", sensors.fields.CentiField(null=True)),
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "sensor_id", "hour", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("hour", models.DateTimeField(help_text="Where it starts.")),
                        (
                            "organization",
                            models.ForeignKey(
                                db_column="organization_number",
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="organizations.organization",
                                to_field="number",
                            ),
                        ),
                        (
                            "sensor",
                            models.ForeignKey(
                                db_constraint=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="sensors.sensor",
                            ),
                        ),
                    ],
                    options={
                        "abstract": False,
                    },
                ),
            ],
            database_operations=[migrations.RunSQL(HOURS, "DROP TABLE sensors_readinghour")],
        ),
        migrations.RunSQL(TABLES, migrations.RunSQL.noop),
    ]
