-- weakness: The login may change a setting that is a superuser's.
select format('%s on parameter %s', lower(a.privilege_type), p.parname),
  format('revoke %s on parameter %s from %s;', lower(a.privilege_type), p.parname, case a.grantee when 0 then 'public' else quote_ident(l.rolname) end)
from login l, pg_parameter_acl p, aclexplode(p.paracl) a
where a.grantee in (0, l.oid) and not l.rolsuper
