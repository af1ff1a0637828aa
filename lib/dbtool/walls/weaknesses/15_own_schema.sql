-- weakness: The login may touch Ratchet's own tables, or call more of its functions than the two that commit a step.
select format('%s on table %I.%I', string_agg(distinct lower(a.privilege_type), ', '), n.nspname, c.relname),
  format('revoke all on table %I.%I from %I, public;', n.nspname, c.relname, l.rolname)
from login l, pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a
where n.nspname = 'ratchet' and a.grantee in (0, l.oid) and c.relowner <> l.oid and not l.rolsuper
group by n.nspname, c.relname, l.rolname
union all
select format('execute on %s', r.signature), 'python -m lib.migrate'
from login l, routine r
where r.nspname = 'ratchet' and has_function_privilege(l.oid, r.oid, 'execute') and has_schema_privilege(l.oid, r.pronamespace, 'usage')
  and r.proowner <> l.oid and not l.rolsuper and not (l.is_writer and r.proname in ('commit_statement', 'is_key_held'))
