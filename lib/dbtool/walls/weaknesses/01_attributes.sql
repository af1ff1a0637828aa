-- weakness: The login has an attribute that steps over the walls behind it.
select a.what, format('alter role %I %s;', l.rolname, a.cure)
from login l cross join lateral (values
  (l.rolsuper, 'is a superuser', 'nosuperuser'),
  (l.rolcreaterole, 'may create roles', 'nocreaterole'),
  (l.rolcreatedb, 'may create databases', 'nocreatedb'),
  (l.rolreplication, 'may replicate: it reads every row of every database', 'noreplication'),
  (l.rolbypassrls, 'sees every row whatever the policies say', 'nobypassrls'),
  (l.rolinherit, 'inherits what its memberships may', 'noinherit')
) as a(is_so, what, cure)
where a.is_so
