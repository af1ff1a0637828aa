-- wanted: A login is a member of nothing: what it may do stands beside its own name.
select format('revoke %I from %I;', g.rolname, t.rolname)
from tool t join pg_auth_members m on m.member = t.oid join pg_roles g on g.oid = m.roleid
order by 1
