-- advice: Built-in functions that act are open to everybody; only the guard keeps them from being called.
select format('execute on %s functions, such as %s', count(*),
    string_agg(r.signature, ', ' order by r.signature) filter (where r.proname in ('set_config', 'lo_create', 'pg_notify', 'pg_sleep'))),
  'python -m lib.dbtool.setup --apply --harden  -- as a superuser'
from login l, risky_builtin r
where has_function_privilege(l.oid, r.oid, 'execute') and not l.rolsuper
having count(*) > 0
