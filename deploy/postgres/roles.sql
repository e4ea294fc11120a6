-- The four roles of FreshTrack and what each may do in this database.
--
-- Run it as a superuser, connected to the database that FreshTrack uses, before the first migration:
--
--     psql -v ON_ERROR_STOP=1 -f deploy/postgres/roles.sql freshtrack
--
-- It may be run again at any time, by several at once, and for several databases of one cluster. It needs
-- PostgreSQL 15 or newer. `make up` and the tests run this same file on the embedded server.
--
-- Passwords are no business of this file. In production set them once, where no file or history keeps them
-- (psql's \password sends only the hash), and put them into MIGRATION_DATABASE_URL and DATABASE_URL:
--
--     \password freshtrack_owner
--     \password freshtrack_app
--
-- How the roles work together:
--
--     freshtrack_owner    owns the database and every table; runs migrations, nothing else.
--     freshtrack_app      the login of web, ingest, worker and beat. Row-level security shows it no customer's row.
--     freshtrack_tenant   what freshtrack_app becomes (SET LOCAL ROLE) to act inside one organization.
--     freshtrack_system   what freshtrack_app becomes to act across organizations; a written, short list of places.

BEGIN;

-- Two runs in the same database wait for each other.
SELECT pg_advisory_xact_lock(hashtext('freshtrack roles.sql'));

-- Roles belong to the whole cluster, while an advisory lock is known in one database only: this lock on the shared
-- catalog makes runs in different databases wait for each other too, which would otherwise fail with
-- "tuple concurrently updated".
LOCK TABLE pg_catalog.pg_auth_members IN SHARE ROW EXCLUSIVE MODE;

DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            -- NOINHERIT: a login has only its own rights until it says SET ROLE. With INHERIT the row-level security
            -- policies of tenant and system would apply to freshtrack_app all the time. (PostgreSQL 15 reads this
            -- attribute, later versions copy it into each grant.)
            ('freshtrack_owner', 'LOGIN NOINHERIT'),
            ('freshtrack_app', 'LOGIN NOINHERIT'),
            ('freshtrack_tenant', 'NOLOGIN NOINHERIT'),
            ('freshtrack_system', 'NOLOGIN NOINHERIT')
        ) AS roles (name, kind)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted.name) THEN
            EXECUTE format('CREATE ROLE %I', wanted.name);
        END IF;
        -- Also for roles that somebody made by hand: a superuser and BYPASSRLS would walk through every wall.
        EXECUTE format('ALTER ROLE %I %s NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION', wanted.name, wanted.kind);
    END LOOP;
END
$$;

-- Both logins may become tenant and system. The owner needs it for migrations that move customers' rows, because
-- row-level security is forced on the owner as well.
DO $$
DECLARE
    login text;
    room text;
BEGIN
    FOREACH login IN ARRAY ARRAY['freshtrack_owner', 'freshtrack_app'] LOOP
        FOREACH room IN ARRAY ARRAY['freshtrack_tenant', 'freshtrack_system'] LOOP
            IF current_setting('server_version_num')::int >= 160000 THEN
                -- Since 16 inheriting is a property of the grant, and an old grant keeps what it had: say it.
                EXECUTE format('GRANT %I TO %I WITH INHERIT FALSE, SET TRUE', room, login);
            ELSIF NOT pg_has_role(login, room, 'MEMBER') THEN
                -- Asked first only to avoid 15's notice about a membership that is already there.
                EXECUTE format('GRANT %I TO %I', room, login);
            END IF;
        END LOOP;
    END LOOP;
END
$$;

-- The owner makes tables, partitions and functions; nobody else makes anything.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I OWNER TO freshtrack_owner', current_database());
    EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO freshtrack_owner, freshtrack_app', current_database());
END
$$;
ALTER SCHEMA public OWNER TO freshtrack_owner;
-- A database that began its life before PostgreSQL 15 still lets everybody create tables here.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO freshtrack_app, freshtrack_tenant, freshtrack_system;

-- Tables that migrations will make. freshtrack_app and freshtrack_system may touch every table, because most are not
-- customers' (sessions, schedules, Stripe's mirror) and those that are have row-level security.
-- freshtrack_tenant gets no table here: the migrations give it the customers' tables one by one, so that a new table
-- is out of reach until somebody thought about it.
ALTER DEFAULT PRIVILEGES FOR ROLE freshtrack_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO freshtrack_app, freshtrack_system;
-- Numbers of sequences tell nothing about a customer, and inserting needs them.
ALTER DEFAULT PRIVILEGES FOR ROLE freshtrack_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO freshtrack_app, freshtrack_system, freshtrack_tenant;

COMMIT;
