-- wanted: Bounds that hold even where a statement comes in by another way; the tool sets narrower ones.
select format('alter role %I set %s = %s;', t.name, s.name, s.value)
from wish w cross join lateral (values (w.reader), (w.writer)) as t(name) cross join lateral (values
  ('default_transaction_read_only', 'on', t.name = w.reader),
  ('statement_timeout', '''30s''', true),
  ('lock_timeout', '''5s''', true),
  ('idle_in_transaction_session_timeout', '''60s''', true),
  ('transaction_timeout', '''120s''', current_setting('server_version_num')::integer >= 170000),
  ('temp_file_limit', '''256MB''', true),
  ('search_path', (
    select string_agg(quote_ident(nspname), ', ' order by place, nspname) from (
      select nspname, min(place) as place from (
        select nspname, case nspname when 'public' then 2 else 1 end as place from meant_schema
        union all
        select n.nspname, 2 from pg_extension e join pg_namespace n on n.oid = e.extnamespace where n.nspname <> 'pg_catalog'
      ) p group by nspname
    ) p), true)
) as s(name, value, wanted)
where s.wanted and s.value is not null and not exists (
  select from tool r join pg_db_role_setting g on g.setrole = r.oid and g.setdatabase = 0, unnest(g.setconfig) c
  where r.rolname = t.name and c = s.name || '=' || case when s.name = 'search_path' then s.value else btrim(s.value, '''') end)
order by t.name, s.name
