-- weakness: The login reaches another server through this one.
select format('foreign table %s', r.name), format('revoke all on table %s from %I, public;', r.name, l.rolname)
from login l, relation r
where r.relkind = 'f' and has_any_column_privilege(l.oid, r.oid, 'select') and not l.rolsuper
union all
select format('foreign server %I', s.srvname), format('revoke usage on foreign server %I from %I, public;', s.srvname, l.rolname)
from login l, pg_foreign_server s where has_server_privilege(l.oid, s.oid, 'usage') and not l.rolsuper
union all
select format('foreign-data wrapper %I', f.fdwname), format('revoke usage on foreign data wrapper %I from %I, public;', f.fdwname, l.rolname)
from login l, pg_foreign_data_wrapper f where has_foreign_data_wrapper_privilege(l.oid, f.oid, 'usage') and not l.rolsuper
