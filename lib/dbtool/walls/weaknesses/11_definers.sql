-- weakness: The login may call a function that runs with its owner's rights.
select format('execute on %s, which runs as %I', r.signature, o.rolname), format('revoke execute on routine %s from %I, public;', r.signature, l.rolname)
from login l, app_routine r join pg_roles o on o.oid = r.proowner
where r.prosecdef and has_function_privilege(l.oid, r.oid, 'execute') and has_schema_privilege(l.oid, r.pronamespace, 'usage')
  and r.proowner <> l.oid and not l.rolsuper
order by 1
