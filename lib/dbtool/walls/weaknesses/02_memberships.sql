-- weakness: The login is a member of another role: SET ROLE is open to it.
select format('is a member of %I', g.rolname), format('revoke %I from %I;', g.rolname, l.rolname)
from login l join pg_auth_members m on m.member = l.oid join pg_roles g on g.oid = m.roleid
order by 1
