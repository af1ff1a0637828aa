-- Retention: forgets up to p_limit events that came more than p_days ago and that no inbox and no outbox holds; answers how many.
-- What was meant for sinks that are no longer among p_sinks is forgotten when it would be given up.
create or replace function ratchet.delete_old_events(p_days integer, p_limit integer, p_sinks text[] default '{}') returns integer
language plpgsql as $$
declare
  v_deleted integer;
begin
  delete from ratchet.outbox o where o.sink <> all (p_sinks) and o.give_up_at <= ratchet.clock();
  delete from ratchet.cloud_events e
  where e.number in (
    select o.number from ratchet.cloud_events o
    where o.received_at < ratchet.clock() - make_interval(days => p_days)
      and not exists (select from ratchet.inbox i where i.event = o.number)
      and not exists (select from ratchet.outbox x where x.event = o.number)
    order by o.received_at
    limit p_limit
    for update skip locked
  );
  get diagnostics v_deleted = row_count;
  return v_deleted;
end;
$$;
