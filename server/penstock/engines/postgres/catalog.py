"""The catalog queries that introspection runs: one per kind of object, for all schemas of a database at once.

They run with ``search_path = pg_catalog``, so that the server qualifies every other name in what it prints.
Objects that belong to extensions, to the system and to Penstock are left out.
"""

from __future__ import annotations

from typing import Final

DATABASES: Final = """
    SELECT d.datname AS name, pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collation,
           has_database_privilege(d.oid, 'CONNECT') AS may_connect
    FROM pg_database d WHERE d.datallowconn AND NOT d.datistemplate
    ORDER BY d.datname COLLATE "C"
"""

SNAPSHOT: Final = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = pg_catalog; "
    "SET LOCAL statement_timeout = '60s'"
)

_OURS: Final = """
    n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', 'penstock')
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.deptype = 'e'
                    AND e.classid = 'pg_namespace'::regclass AND e.objid = n.oid)
"""
_RELATIONS: Final = f"""
    pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {_OURS}
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.deptype = 'e'
                      AND e.classid = 'pg_class'::regclass AND e.objid = c.oid)
"""

SCHEMAS: Final = f"""
    SELECT n.nspname AS name, obj_description(n.oid, 'pg_namespace') AS comment
    FROM pg_namespace n WHERE {_OURS} ORDER BY n.nspname COLLATE "C"
"""

RELATIONS: Final = f"""
    WITH c AS (SELECT c.oid, c.relname, c.relkind, c.relispartition, c.relpartbound, n.nspname FROM {_RELATIONS})
    SELECT c.oid, c.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
           CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END AS definition,
           CASE WHEN c.relispartition THEN
               (SELECT format('%I.%I', pn.nspname, p.relname)
                FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
                JOIN pg_namespace pn ON pn.oid = p.relnamespace WHERE i.inhrelid = c.oid) END AS parent,
           pg_get_expr(c.relpartbound, c.oid) AS bound,
           CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partition_by,
           obj_description(c.oid, 'pg_class') AS comment
    FROM c ORDER BY c.nspname COLLATE "C", c.relname COLLATE "C"
"""

COLUMNS: Final = f"""
    SELECT a.attrelid AS relation, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
           NOT a.attnotnull AS nullable, pg_get_expr(d.adbin, d.adrelid) AS expression,
           a.attidentity::text AS identity, a.attgenerated::text AS generated,
           CASE WHEN a.attcollation <> t.typcollation THEN
               (SELECT CASE WHEN l.collnamespace <> 'pg_catalog'::regnamespace
                            THEN l.collnamespace::regnamespace || '.' ELSE '' END
                       || quote_ident(l.collname) FROM pg_collation l WHERE l.oid = a.attcollation)
           END AS collation,
           col_description(a.attrelid, a.attnum) AS comment,
           format_type(s.seqtypid, NULL) AS counter_type, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache,
           s.seqcycle
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_depend i ON a.attidentity <> '' AND i.deptype = 'i' AND i.classid = 'pg_class'::regclass
         AND i.refclassid = 'pg_class'::regclass AND i.refobjid = a.attrelid AND i.refobjsubid = a.attnum
    LEFT JOIN pg_sequence s ON s.seqrelid = i.objid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid IN (SELECT c.oid FROM {_RELATIONS})
    ORDER BY a.attrelid, a.attnum
"""

INDEXES: Final = f"""
    SELECT i.indrelid AS relation, x.relname AS name, pg_get_indexdef(i.indexrelid) AS definition,
           i.indisunique AS is_unique, i.indisprimary AS is_primary, i.indisvalid AS is_valid,
           CASE WHEN i.indisprimary THEN
               (SELECT array_agg(a.attname::text ORDER BY k.position)
                FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, position)
                JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                WHERE k.position <= i.indnkeyatts) END AS key_columns,
           CASE WHEN x.relispartition THEN
               (SELECT format('%I.%I', pn.nspname, p.relname)
                FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhparent
                JOIN pg_namespace pn ON pn.oid = p.relnamespace WHERE h.inhrelid = x.oid) END AS parent
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid IN (SELECT c.oid FROM {_RELATIONS})
    ORDER BY i.indrelid, x.relname COLLATE "C"
"""

CONSTRAINTS: Final = f"""
    SELECT o.conrelid AS relation, o.conname AS name, o.contype::text AS kind,
           pg_get_constraintdef(o.oid) AS definition, o.convalidated AS is_validated,
           o.conparentid <> 0 OR NOT o.conislocal AS is_inherited
    FROM pg_constraint o
    WHERE o.contype IN ('p', 'u', 'f', 'c', 'x', 't') AND (o.contype <> 'f' OR o.conparentid = 0)
      AND o.conrelid IN (SELECT c.oid FROM {_RELATIONS})
    ORDER BY o.conrelid, o.conname COLLATE "C"
"""

SEQUENCES: Final = f"""
    SELECT n.nspname AS schema, c.relname AS name, format_type(s.seqtypid, NULL) AS counter_type,
           s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
           t.relname AS owner_table, a.attname AS owner_column, obj_description(c.oid, 'pg_class') AS comment
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
         AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
    LEFT JOIN pg_class t ON t.oid = d.refobjid
    LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.deptype IS DISTINCT FROM 'i' AND {_OURS}
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.deptype = 'e'
                      AND e.classid = 'pg_class'::regclass AND e.objid = c.oid)
    ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
"""

ENUMS: Final = f"""
    SELECT n.nspname AS schema, t.typname AS name, obj_description(t.oid, 'pg_type') AS comment,
           ARRAY(SELECT v.enumlabel::text FROM pg_enum v WHERE v.enumtypid = t.oid ORDER BY v.enumsortorder) AS values
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typtype = 'e' AND {_OURS}
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.deptype = 'e'
                      AND e.classid = 'pg_type'::regclass AND e.objid = t.oid)
    ORDER BY n.nspname COLLATE "C", t.typname COLLATE "C"
"""
