"""Search by the beginnings of words, in one organization and one member's sites, through an index.

Row-level security keeps text indexes from being used: `@@` isn't leakproof, so PostgreSQL would compare every row. Each
searchable table therefore has one function that runs as freshtrack_system, whose policy hides nothing and so lets the
index work, and that takes organization and sites from the settings of the scope, never from its caller. Outside of a
scope it finds nothing.

The words stand in an index and in no column: adding it changes no row and locks nobody out. Sensors are written with each
reading; that costs nothing here as long as the row stays where it is (HOT), which 0005 sees to: else an index on an
expression is computed each time (80 µs a sensor, measured), and so is a generated column (45 µs). Each word carries its
organization, so that a common one costs a customer no more than their own rows.
"""

from django.db import migrations

FUNCTIONS = r"""
-- Text as the search compares it: lower case, without accents, words separated by single spaces. What separates is
-- listed, and not asked of the database's locale: an index must mean the same everywhere.
CREATE OR REPLACE FUNCTION freshtrack_fold(given text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
  folded text := lower(given);
BEGIN
  IF octet_length(folded) <> length(folded) THEN
    folded := regexp_replace(lower(normalize(folded, NFKD)), '[\u0300-\u036f]', '', 'g');
    -- Letters that are no other letter with a mark.
    folded := replace(replace(replace(replace(translate(folded, 'øđħłŧıðς', 'odhltidσ'),
                                              'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th');
  END IF;
  RETURN trim(regexp_replace(folded, '[\u0001-\u002f\u003a-\u0060\u007b-\u00bf\u00d7\u00f7\u2000-\u206f\u3000-\u303f]+',
                             ' ', 'g'));
END $$;

-- What the index holds of a row: each word, behind the last digits of its organization, which are random; the
-- functions compare the whole of it. 64 characters tell any word from another.
CREATE OR REPLACE FUNCTION freshtrack_words(organization uuid, given text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN array_to_tsvector(ARRAY(
    SELECT DISTINCT right(organization::text, 8) || left(word, 64)
    FROM unnest(string_to_array(public.freshtrack_fold(coalesce(given, '')), ' ')) AS word WHERE word <> ''));
END $$;

-- Rows that have, for each word that was typed, one that begins like it; or one that begins like all of it without the
-- spaces, so that `walk in` finds `walkin` and `00:1b` finds `001B…`. Nothing typed finds nothing.
CREATE OR REPLACE FUNCTION freshtrack_wanted(organization uuid, typed text) RETURNS tsquery
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  words text[] := (string_to_array(nullif(public.freshtrack_fold(left(typed, 200)), ''), ' '))[1:8];
  mark text := right(organization::text, 8);
  wanted text;
BEGIN
  SELECT string_agg(format('''%s%s'':*', mark, left(word, 64)), ' & ') INTO wanted FROM unnest(words) AS word;
  IF cardinality(words) > 1 THEN
    wanted := format('(%s) | ''%s%s'':*', wanted, mark, left(array_to_string(words, ''), 64));
  END IF;
  RETURN wanted::tsquery;
END $$;

-- The organization and sites of the open scope.
GRANT CREATE ON SCHEMA public TO freshtrack_system;
SET LOCAL ROLE freshtrack_system;
-- {searches}
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM freshtrack_system;
"""

SEARCH = r"""
CREATE OR REPLACE FUNCTION {name}(typed text) RETURNS SETOF {key}
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp ROWS 50 AS $$
DECLARE
  organization uuid := nullif(current_setting('freshtrack.organization', true), '');
  sites uuid[] := nullif(current_setting('freshtrack.sites', true), '');
  wanted tsquery := freshtrack_wanted(organization, typed);
BEGIN
  IF organization IS NULL OR wanted IS NULL THEN
    RETURN;
  END IF;
  -- The words carry their organization, so the index finds a customer's own. Written so that no other index can be
  -- tried for the comparison with the whole of it.
  RETURN QUERY SELECT id FROM {table} WHERE {words} @@ wanted
    AND organization_id IS NOT DISTINCT FROM organization AND (sites IS NULL OR {site} = ANY (sites));
END $$;
REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {name} TO freshtrack_tenant, freshtrack_system;
"""

# Table -> its key, where its site stands, and its words. A serial is found with and without the signs that some print
# between its digits. Not a generated column: PostgreSQL would compute that anew with each reading, an index only when
# the row doesn't stay where it is (0005).
SEARCHABLE = {
    "sensors_site": ("uuid", "id", "freshtrack_words(organization_id, name || ' ' || address)"),
    "sensors_unit": ("uuid", "site_id", "freshtrack_words(organization_id, name || ' ' || note)"),
    "sensors_sensor": (
        "integer",
        "site_id",
        "freshtrack_words(organization_id,"
        " serial || ' ' || translate(serial, '-:._/ ', '') || ' ' || name || ' ' || model)",
    ),
}


def _functions() -> str:
    searches = "".join(
        SEARCH.format(name=f"{table}_search", table=table, key=key, site=site, words=words)
        for table, (key, site, words) in SEARCHABLE.items()
    )
    return FUNCTIONS.replace("-- {searches}", searches)


def _index(table: str, words: str) -> list[migrations.RunSQL]:
    # One that a broken attempt left behind would be taken for the real one.
    remove = f"DROP INDEX CONCURRENTLY IF EXISTS {table}_words"
    # Without fastupdate: a list of things to be indexed later would have to be read through by every search.
    make = f"CREATE INDEX CONCURRENTLY {table}_words ON {table} USING gin (({words})) WITH (fastupdate = off)"
    return [migrations.RunSQL(remove, migrations.RunSQL.noop), migrations.RunSQL(make, remove)]


class Migration(migrations.Migration):
    dependencies = [("sensors", "0003_sites")]

    atomic = False  # CREATE INDEX CONCURRENTLY

    operations = [
        migrations.RunSQL(_functions(), migrations.RunSQL.noop),
        *(operation for table, (_, _, words) in SEARCHABLE.items() for operation in _index(table, words)),
    ]
