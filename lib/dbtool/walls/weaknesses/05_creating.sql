-- weakness: The login may create something: tables, functions, temporary tables that stand before the real ones.
select format('%s on database %I', lower(a.privilege_type), d.datname),
  format('revoke %s on database %I from %s;', lower(a.privilege_type), d.datname, case a.grantee when 0 then 'public' else quote_ident(l.rolname) end)
from login l, pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
where d.datname = current_database() and a.grantee in (0, l.oid) and a.privilege_type in ('TEMPORARY', 'CREATE')
  and d.datdba <> l.oid and not l.rolsuper
union all
select format('create in schema %I', n.nspname),
  format('revoke create on schema %I from %s;', n.nspname, case a.grantee when 0 then 'public' else quote_ident(l.rolname) end)
from login l, pg_namespace n, aclexplode(n.nspacl) a
where a.grantee in (0, l.oid) and a.privilege_type = 'CREATE' and n.nspowner <> l.oid and not l.rolsuper
