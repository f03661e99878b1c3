"""One database for many tests, one after the other: what a test leaves in it is gone before the next begins.

Making and dropping a database costs a server several hundred files each time; wiping one that is nearly empty costs it
next to nothing.
"""

from __future__ import annotations

import secrets
from typing import Final

import asyncpg

from tests.postgres_server import PostgresServer

# Keeps the rows that our migrations made.  Sequences start where those ended.
_REMEMBER: Final = """
    CREATE SCHEMA as_made;
    DO $$ DECLARE kept record; filled bool; BEGIN
        FOR kept IN SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', kept.name) INTO filled;
            IF filled THEN EXECUTE format('CREATE TABLE as_made.%I AS TABLE public.%1$I', kept.name); END IF;
        END LOOP;
    END $$;
    CREATE TABLE as_made.sequences AS SELECT sequencename::text AS name, start_value, last_value FROM pg_sequences
        WHERE schemaname = 'public';
"""

# Triggers, which protect some rows from everybody, do not fire for a replica.
_WIPE: Final = """
    SET session_replication_role = replica;
    DO $$ DECLARE wiped record; filled bool; columns text; BEGIN
        FOR wiped IN SELECT t.tablename AS name, to_regclass(format('as_made.%I', t.tablename)) IS NOT NULL AS kept
            FROM pg_tables t WHERE t.schemaname = 'public'
        LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', wiped.name) INTO filled;
            IF filled THEN EXECUTE format('DELETE FROM public.%I', wiped.name); END IF;
            IF wiped.kept THEN
                SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute
                    WHERE attrelid = format('public.%I', wiped.name)::regclass AND attnum > 0 AND NOT attisdropped
                    AND attgenerated = '';
                EXECUTE format('INSERT INTO public.%I (%s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM as_made.%1$I',
                    wiped.name, columns);
            END IF;
        END LOOP;
        PERFORM setval(format('public.%I', m.name), coalesce(m.last_value, m.start_value), m.last_value IS NOT NULL)
            FROM as_made.sequences m JOIN pg_sequences s ON s.schemaname = 'public' AND s.sequencename = m.name
            WHERE s.last_value IS DISTINCT FROM m.last_value;
    END $$
"""

# Everything but rows.  What has no schema, such as an extension, is told by its number.
_SHAPE: Final = """
    SELECT md5(string_agg(line, chr(10) ORDER BY line)) FROM (
        SELECT concat_ws(' ', 'c', relnamespace::regnamespace, relname, relnatts, relkind, relacl) AS line
            FROM pg_class WHERE oid >= 16384 AND relnamespace::regnamespace::text !~ '^pg_(toast|temp)'
        UNION ALL SELECT concat_ws(' ', 't', tgrelid, tgname, tgenabled) FROM pg_trigger
        UNION ALL SELECT concat_ws(' ', 'r', ev_class, rulename) FROM pg_rewrite WHERE oid >= 16384
        UNION ALL SELECT concat_ws(' ', 'k', conrelid, conname, convalidated) FROM pg_constraint WHERE oid >= 16384
        UNION ALL SELECT concat_ws(' ', 'f', oid, xmin) FROM pg_proc WHERE oid >= 16384
        UNION ALL SELECT concat_ws(' ', 'n', nspname, nspowner::regrole, nspacl, obj_description(oid, 'pg_namespace'))
            FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
        UNION ALL SELECT concat_ws(' ', 's', setrole, setconfig) FROM pg_db_role_setting
            WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
        UNION ALL SELECT concat_ws(' ', 'd', datdba, datconnlimit, datallowconn, datacl, datcollate) FROM pg_database
            WHERE datname = current_database()
        UNION ALL SELECT concat_ws(' ', 'p', gid) FROM pg_prepared_xacts WHERE database = current_database()
        UNION ALL SELECT concat_ws(' ', catalog, oid) FROM (
            SELECT 'extension' AS catalog, oid FROM pg_extension
            UNION ALL SELECT 'event trigger', oid FROM pg_event_trigger
            UNION ALL SELECT 'wrapper', oid FROM pg_foreign_data_wrapper
            UNION ALL SELECT 'server', oid FROM pg_foreign_server
            UNION ALL SELECT 'language', oid FROM pg_language
            UNION ALL SELECT 'cast', oid FROM pg_cast
            UNION ALL SELECT 'large object', oid FROM pg_largeobject_metadata
            UNION ALL SELECT 'rights', oid FROM pg_default_acl
            UNION ALL SELECT 'publication', oid FROM pg_publication
            UNION ALL SELECT 'method', oid FROM pg_am
            UNION ALL SELECT 'subscription', oid FROM pg_subscription
                WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        ) others
    ) shape
"""
_DROP_SCHEMAS: Final = """
    DO $$ DECLARE made name; BEGIN
        FOR made IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)' LOOP
            EXECUTE format('DROP SCHEMA %I CASCADE', made);
        END LOOP;
        CREATE SCHEMA public AUTHORIZATION pg_database_owner;
        GRANT USAGE ON SCHEMA public TO PUBLIC;
        COMMENT ON SCHEMA public IS 'standard public schema';
    END $$
"""
_OTHERS: Final = """
    SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


class ReusedDatabase:
    """A copy of a template, or an empty database.

    Args:
        template: its rows and its shape are what every test begins with.
    """

    def __init__(self, server: PostgresServer, template: str | None = None) -> None:
        self._server = server
        self._template = template
        self._wipe = _WIPE if template else _DROP_SCHEMAS
        self._name: str | None = None
        self._shape: str | None = None

    async def take(self) -> str:
        """The name of a database that is as the template; a new name, so that nobody takes it for one known already."""
        if self._name is not None:
            old, self._name = self._name, f"penstock_test_{secrets.token_hex(6)}"
            await self._server.execute(f'ALTER DATABASE "{old}" RENAME TO "{self._name}"')
        else:
            self._name = await self._server.create_database(template=self._template)
            connection = await asyncpg.connect(self._server.url(self._name))
            try:
                if self._template:
                    await connection.execute(_REMEMBER)
                self._shape = await connection.fetchval(_SHAPE)
            finally:
                await connection.close()
        return self._name

    async def give_back(self) -> None:
        """Wipe it, or drop it where a test left more than can be wiped."""
        if self._name is None or not await self._wiped(self._name):
            await self.drop()

    async def drop(self) -> None:
        """Drop it."""
        name, self._name = self._name, None
        if name is not None:
            await self._server.drop_database(name)

    async def _wiped(self, name: str) -> bool:
        try:
            connection = await asyncpg.connect(self._server.url(name))
        except asyncpg.PostgresError:  # a test has dropped or closed it
            return False
        try:
            await connection.execute(_OTHERS)
            await connection.execute(self._wipe)
            return bool(await connection.fetchval(_SHAPE) == self._shape)
        except asyncpg.PostgresError:  # what a test made of it cannot be wiped
            return False
        finally:
            await connection.close()
