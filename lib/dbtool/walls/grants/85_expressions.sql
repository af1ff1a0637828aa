-- wanted: What defaults, checks, generated columns and indexes call runs as who writes; what policies call, as who reads.
select distinct format('grant execute on routine %s to %s;', r.signature,
  case when e.reading then format('%I, %I', w.reader, w.writer) else quote_ident(w.writer) end)
from stored_expression e
join pg_depend d on (d.classid, d.objid, d.refclassid) = (e.classid, e.objid, 'pg_proc'::regclass)
join app_routine r on r.oid = d.refobjid, wish w
order by 1
