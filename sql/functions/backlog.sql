-- How many runs are due (counted up to 10,000) and since when the oldest has been.
create or replace function ratchet.backlog() returns table (due bigint, oldest_due_at timestamptz)
language plpgsql stable as $$
declare
  v_now timestamptz := ratchet.clock();
begin
  return query
  select least(count(*), 10000), min(d.due_at)
  from (values (0), (1)) as leased (nulls)
  cross join lateral (
    select r.due_at from ratchet.runs r
    where r.status in ('pending', 'running', 'waiting') and num_nulls(r.lease) = leased.nulls and r.due_at <= v_now
    order by r.due_at
    limit 10000
  ) d;
end;
$$;
