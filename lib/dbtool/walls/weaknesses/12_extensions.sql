-- weakness: The login may call an extension's function that acts, or that runs SQL from a text.
select format('execute on %s of %s', string_agg(r.signature, ', ' order by r.signature), r.extension),
  format('revoke execute on routine %s from public, %I;', string_agg(r.signature, ', ' order by r.signature), l.rolname)
from login l, routine r
where r.extension <> '' and has_function_privilege(l.oid, r.oid, 'execute') and has_schema_privilege(l.oid, r.pronamespace, 'usage')
  and not l.rolsuper
  and (r.provolatile = 'v' and r.proname !~ '^(gen_random_|gen_salt|uuid_generate_|uuidv?[0-9]|xml_valid)'
    or r.extension in ('dblink', 'http', 'pg_net', 'xml2') or r.proname in ('crosstab', 'crosstabn', 'connectby'))
group by r.extension, l.rolname
