-- wanted: What is closed to both logins on purpose is said.
select c.name || '.' || quote_ident(c.attname) from shown s join col c on c.oid = s.oid where c.hidden
union all
select r.name || case r.relkind when 'f' then ' (foreign)' else ' (view)' end
from relation r join meant_schema n on n.nspname = r.nspname where r.oid not in (select oid from shown)
order by 1
