-- wanted: A function that is made later is closed from the start: grant it to those who need it.
select format('alter default privileges for role %I revoke execute on routines from public;', o.rolname)
from pg_roles o
where o.oid in (
    select n.nspowner from pg_namespace n join meant_schema using (oid)
    union select r.proowner from app_routine r join meant_schema n on n.oid = r.pronamespace
    union select c.relowner from shown c
  ) and o.rolname !~ '^pg_'
  and not exists (
    select from pg_default_acl a where a.defaclrole = o.oid and a.defaclnamespace = 0 and a.defaclobjtype = 'f'
      and not exists (select from aclexplode(a.defaclacl) x where x.grantee = 0))
order by 1
