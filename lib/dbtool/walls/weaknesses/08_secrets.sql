-- weakness: The login may read a column that looks like a secret (--include-column shows one on purpose).
select format('select on %s.%I', c.name, c.attname),
  case when whole then format('revoke select on table %s from %s; grant select (%s) on %1$s to %2$s;', c.name, g.whom,
    (select string_agg(quote_ident(o.attname), ', ' order by o.attnum) from col o where o.oid = c.oid and not o.hidden))
  else format('revoke select (%I) on table %s from %s;', c.attname, c.name, g.whom) end
from login l, col c join relation r on r.oid = c.oid cross join lateral (
  select case a.grantee when 0 then 'public' else quote_ident(l.rolname) end as whom, bool_or(a.whole) as whole
  from (
    select grantee, privilege_type, true as whole from aclexplode(r.relacl)
    union all select grantee, privilege_type, false from aclexplode(c.attacl)
  ) a
  where a.grantee in (0, l.oid) and a.privilege_type = 'SELECT'
  group by 1
) g
where c.hidden and r.relowner <> l.oid and not l.rolsuper and has_schema_privilege(l.oid, r.nspname::regnamespace, 'usage')
order by 1
