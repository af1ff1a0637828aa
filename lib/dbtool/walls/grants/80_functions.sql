-- wanted: Nobody calls the application's functions only because everybody may; who could until now still can.
select format('grant execute on routine %s to %s;', string_agg(r.signature, ', ' order by r.signature), array_to_string(u.users, ', '))
from public_routine r join app_routine using (oid)
cross join lateral (select array(select quote_ident(u) from unnest(r.users) u) as users) u
where r.users <> '{}'
group by u.users
union all
select format('revoke execute on routine %s from public;', string_agg(r.signature, ', ' order by r.signature))
from public_routine r join app_routine using (oid)
group by r.pronamespace
