-- needed: Both read these columns, and where a row lies. A column that is added later stays closed until this runs again.
select format('grant select (%s%s) on %s to %I, %I;',
  string_agg(quote_ident(c.attname), ', ' order by c.attnum),
  case when s.relkind in ('r', 'p', 'm') then ', ctid, tableoid, xmin, xmax' end, s.name, w.reader, w.writer)
from shown s join col c on c.oid = s.oid and not c.hidden, wish w
group by s.name, s.relkind, w.reader, w.writer
order by s.name
