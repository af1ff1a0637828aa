-- advice: Functions in this language may do whatever the server's system user may.
select format('language %I', lanname), format('drop language %I;', lanname)
from login l, pg_language where not lanpltrusted and lanname not in ('internal', 'c')
