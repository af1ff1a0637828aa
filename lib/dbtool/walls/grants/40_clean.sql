-- wanted: What an earlier run has granted on tables and sequences is taken back first; functions granted by hand stay.
select format('revoke all on table %s from %s;', r.name, string_agg(distinct quote_ident(t.rolname), ', '))
from relation r join tool t on exists (select from aclexplode(r.relacl) a where a.grantee = t.oid)
  or exists (select from col c, aclexplode(c.attacl) a where c.oid = r.oid and a.grantee = t.oid)
group by r.name
union all
select format('revoke all on sequence %I.%I from %s;', n.nspname, s.relname, string_agg(distinct quote_ident(t.rolname), ', '))
from pg_class s join app_schema n on n.oid = s.relnamespace
join tool t on exists (select from aclexplode(s.relacl) a where a.grantee = t.oid)
where s.relkind = 'S'
group by n.nspname, s.relname
