-- needed: A default that counts takes the next number of its sequence; an identity column needs no grant.
select distinct format('grant usage on sequence %I.%I to %I;', n.nspname, s.relname, w.writer)
from writable t join pg_attrdef f on f.adrelid = t.oid
join pg_depend d on (d.classid, d.objid, d.refclassid) = ('pg_attrdef'::regclass, f.oid, 'pg_class'::regclass)
join pg_class s on s.oid = d.refobjid and s.relkind = 'S'
join pg_namespace n on n.oid = s.relnamespace, wish w
order by 1
