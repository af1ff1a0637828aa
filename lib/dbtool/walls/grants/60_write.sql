-- needed: The writer changes the rows of these tables.
select format('grant insert (%1$s), update (%1$s), delete on %2$s to %3$I;',
  string_agg(quote_ident(c.attname), ', ' order by c.attnum), t.name, w.writer)
from writable t join col c on c.oid = t.oid and not c.hidden and c.attgenerated = '', wish w
group by t.name, w.writer
order by t.name
