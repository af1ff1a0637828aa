-- weakness: The login may move a sequence: the reader at all, or the writer backwards.
select format('%s on sequence %I.%I', lower(string_agg(a.privilege_type, ', ')), n.nspname, s.relname),
  format('revoke %s on sequence %I.%I from %s;', lower(string_agg(a.privilege_type, ', ')), n.nspname, s.relname,
    case a.grantee when 0 then 'public' else quote_ident(l.rolname) end)
from login l, pg_class s join app_schema n on n.oid = s.relnamespace, aclexplode(s.relacl) a
where s.relkind = 'S' and a.grantee in (0, l.oid) and s.relowner <> l.oid and not l.rolsuper
  and (a.privilege_type = 'UPDATE' or a.privilege_type = 'USAGE' and not l.is_writer)
group by n.nspname, s.relname, a.grantee, l.rolname
