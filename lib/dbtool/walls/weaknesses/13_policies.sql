-- weakness: A policy trusts a setting, and whoever sends SQL can change a setting: key it on the login instead.
select format('%s: policy %I', r.name, p.polname),
  format('alter policy %I on %s using (<column> = current_user);', p.polname, r.name)
from login l, relation r join pg_policy p on p.polrelid = r.oid
where concat(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) like '%current_setting(%'
  and has_any_column_privilege(l.oid, r.oid, 'select') and not l.rolsuper
order by 1
