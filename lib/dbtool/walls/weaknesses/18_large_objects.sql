-- weakness: Large objects are open to everybody.
select 'lo_compat_privileges is on', 'alter system set lo_compat_privileges = off;'
from login l where current_setting('lo_compat_privileges')::boolean and not l.rolsuper
union all
select format('%s large objects', count(distinct m.oid)), format('revoke all on large object … from %I, public;', l.rolname)
from login l, pg_largeobject_metadata m, aclexplode(m.lomacl) a
where a.grantee in (0, l.oid) and m.lomowner <> l.oid and not l.rolsuper
group by l.rolname
having count(*) > 0
