-- weakness: The login owns something: an owner may do everything with it, drop it included.
select o.what, o.cure
from login l cross join lateral (
  select format('owns database %I', datname) as what, format('alter database %I owner to <another role>;', datname) as cure
  from pg_database where datdba = l.oid
  union all
  select format('owns schema %I', nspname), format('alter schema %I owner to <another role>;', nspname)
  from pg_namespace where nspowner = l.oid
  union all
  select format('owns %s', name), format('alter table %s owner to <another role>;', name) from relation where relowner = l.oid
  union all
  select format('owns routine %s', signature), format('alter routine %s owner to <another role>;', signature)
  from routine where proowner = l.oid
) o
where not l.rolsuper
