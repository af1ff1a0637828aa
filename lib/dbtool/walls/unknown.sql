-- wanted: Everything that was named exists: a slip of the pen must not leave a secret open.
select format('schema %s', s) from wish w, unnest(w.schemas) s where s not in (select nspname from app_schema)
union all
select format('table %s', t) from wish w, unnest(w.writable) t
where not exists (select from shown r where r.relkind in ('r', 'p') and t in (r.relname, r.nspname || '.' || r.relname))
union all
select format('column %s', c) from wish w, unnest(w.hide || w.show) c
where not exists (select from relation r join col a on a.oid = r.oid
  where c in (r.relname || '.' || a.attname, r.nspname || '.' || r.relname || '.' || a.attname))
