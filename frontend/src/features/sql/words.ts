/** The words that are coloured and completed in SQL: a working vocabulary, not a grammar. */

const list = (text: string) => text.trim().split(/\s+/);

export const KEYWORDS = new Set(
  list(`
  add after all alter analyze and any array as asc authorization before begin between by call cascade case cast change check
  cluster collate column comment commit concurrently conflict constraint copy create cross current current_date current_role
  current_timestamp current_user cycle database deallocate declare default deferrable deferred delete delimiter desc distinct
  do domain drop each else elsif end enum except exclude execute exists explain extension false fetch filter first for force
  foreign from full function generated grant group having identity if ignore ilike immediate in include increment index
  inherits initially inner insert instead intersect into is isnull join key language last lateral left level like limit listen
  lock loop match materialized maxvalue merge minvalue modify move natural new no not nothing notify notnull null nulls of
  offset old on only option or order outer over owned owner partition policy prepare primary privileges procedure publication
  range read reassign recursive references refresh reindex release rename replace reset restart restrict return returning
  returns revoke right role rollback row rows savepoint schema security select sequence session set setof show similar start
  statement stored subscription table tablespace temporary then to transaction trigger true truncate type unbounded union
  unique unlogged update use using vacuum valid validate values view volatile when where while window with without work
  `),
);

export const TYPES = new Set(
  list(`
  bigint bigserial binary bit blob bool boolean bytea char character cidr citext date datetime dec decimal double enum float
  float4 float8 hstore inet int int2 int4 int8 integer interval json jsonb longblob longtext mediumblob mediumint mediumtext
  money name numeric oid point precision real regclass serial smallint smallserial text time timestamp timestamptz timetz
  tinyint tinytext tsquery tsvector unsigned uuid varbinary varchar varying xml year zone
  `),
);
