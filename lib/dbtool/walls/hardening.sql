-- wanted: Built-in functions that act, or that run SQL from a text, are closed to the logins; who had them until now keeps them.
select format('grant execute on function %s to %s;', string_agg(r.signature, ', ' order by r.signature), o.names)
from risky_builtin r, (select string_agg(quote_ident(rolname), ', ' order by rolname) as names from others) o
where o.names is not null
group by o.names
union all
select format('revoke execute on function %s from public;', string_agg(r.signature, ', ' order by r.signature))
from risky_builtin r
having count(*) > 0
