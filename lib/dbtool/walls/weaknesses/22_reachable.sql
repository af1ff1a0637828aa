-- advice: This extension reaches files or other servers; keep it only if something needs it.
select format('extension %I', e.extname), format('drop extension %I;', e.extname)
from login l, pg_extension e
where e.extname in ('adminpack', 'dblink', 'file_fdw', 'http', 'lo', 'mysql_fdw', 'oracle_fdw', 'pageinspect', 'pg_net', 'plperlu', 'plpython3u', 'postgres_fdw', 'xml2')
