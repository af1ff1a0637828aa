-- wanted: Nobody makes temporary tables or tables in the schema public only because everybody may.
select format('grant temporary on database %I to %s;', d.datname, string_agg(quote_ident(o.rolname), ', ' order by o.rolname))
from pg_database d, others o, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
where d.datname = current_database() and a.grantee = 0 and a.privilege_type = 'TEMPORARY' and o.oid <> d.datdba
group by d.datname
union all
select format('revoke temporary on database %I from public;', d.datname)
from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
where d.datname = current_database() and a.grantee = 0 and a.privilege_type = 'TEMPORARY'
union all
select format('revoke create on schema %I from public;', n.nspname)
from pg_namespace n join app_schema s on s.oid = n.oid, aclexplode(n.nspacl) a
where a.grantee = 0 and a.privilege_type = 'CREATE'
