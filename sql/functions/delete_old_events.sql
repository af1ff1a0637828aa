-- Retention: forgets up to p_limit events that came more than p_days ago and that no inbox holds; answers how many.
create or replace function ratchet.delete_old_events(p_days integer, p_limit integer) returns integer
language plpgsql as $$
declare
  v_deleted integer;
begin
  delete from ratchet.cloud_events e
  where e.number in (
    select o.number from ratchet.cloud_events o
    where o.received_at < ratchet.clock() - make_interval(days => p_days)
      and not exists (select from ratchet.inbox i where i.event = o.number)
    order by o.received_at
    limit p_limit
    for update skip locked
  );
  get diagnostics v_deleted = row_count;
  return v_deleted;
end;
$$;
