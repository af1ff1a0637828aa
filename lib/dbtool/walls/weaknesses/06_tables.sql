-- weakness: The login may do more to a table than its duty: reading, or the writer's insert, update and delete.
select format('%s on %s', lower(string_agg(distinct a.privilege_type, ', ')), r.name),
  format('revoke %s on table %s from %s;', lower(string_agg(distinct a.privilege_type, ', ')), r.name,
    case a.grantee when 0 then 'public' else quote_ident(l.rolname) end)
from login l, relation r cross join lateral (
  select grantee, privilege_type from aclexplode(r.relacl)
  union
  select x.grantee, x.privilege_type from col c, aclexplode(c.attacl) x where c.oid = r.oid
) a
where a.grantee in (0, l.oid) and r.relowner <> l.oid and not l.rolsuper
  and a.privilege_type <> 'SELECT' and not (l.is_writer and a.privilege_type in ('INSERT', 'UPDATE', 'DELETE'))
group by r.name, a.grantee, l.rolname
order by r.name
