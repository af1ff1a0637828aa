-- weakness: Nothing bounds the login where a statement comes in by another way than the tool.
select s.name || ' is not set', format('alter role %I set %s = %L;', l.rolname, s.name, s.value)
from login l cross join lateral (values
  ('default_transaction_read_only', 'on', not l.is_writer),
  ('statement_timeout', '30s', true),
  ('lock_timeout', '5s', true),
  ('idle_in_transaction_session_timeout', '60s', true)
) as s(name, value, wanted)
where s.wanted and not exists (
  select from pg_db_role_setting g, pg_database d, unnest(g.setconfig) c
  where g.setrole in (0, l.oid) and g.setdatabase in (0, d.oid) and d.datname = current_database()
    and split_part(c, '=', 1) = s.name and split_part(c, '=', 2) not in ('0', 'off', ''))
union all
select 'connections are not limited', format('alter role %I connection limit 20;', l.rolname) from login l where l.rolconnlimit < 0
