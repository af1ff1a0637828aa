-- weakness: A view that the login may read shows a hidden column with its owner's rights, or calls a function that acts.
select format('%s %s', v.name, x.what), format('revoke select on table %s from %I, public;', v.name, l.rolname) || x.cure
from login l, relation v join (
  select view, 'shows ' || string_agg(distinct shows, ', ') as what, '  -- or: alter view … set (security_invoker = true);' as cure
  from leaking_view group by view
  union all
  select view, 'calls ' || string_agg(calls, ', '), '' from acting_view group by view
) x on x.view = v.oid
where has_any_column_privilege(l.oid, v.oid, 'select') and has_schema_privilege(l.oid, v.nspname::regnamespace, 'usage') and not l.rolsuper
order by 1
