-- weakness: The login may call the application's functions because everybody may; grant those that it needs by name.
select format('execute on %s', r.signature), format('revoke execute on routine %s from public;', r.signature)
from login l, public_routine r join app_routine using (oid)
where has_schema_privilege(l.oid, r.pronamespace, 'usage') and r.proowner <> l.oid and not l.rolsuper
order by 1
