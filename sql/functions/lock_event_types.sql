-- Keeps deliveries and new subscriptions of the same event types apart until the transaction ends: of the two, the later sees the earlier.
-- Senders share, listeners exclude; a null among p_heard listens to every type. Types share 256 locks, so that no batch fills the lock table.
create or replace function ratchet.lock_event_types(p_sent text[], p_heard text[]) returns void
language plpgsql as $$
declare
  v_lock record;
begin
  for v_lock in
    select coalesce(hashtext(l.type) & 255, 256) as bucket, bool_or(l.excludes) as excludes
    from (
      select unnest(p_heard) as type, true as excludes
      union all select unnest(p_sent), false
      union all select null, false where cardinality(p_sent) > 0
    ) l
    group by 1 order by 1  -- everybody in the same order
  loop
    if v_lock.excludes then
      perform pg_advisory_xact_lock(7245388, v_lock.bucket);
    else
      perform pg_advisory_xact_lock_shared(7245388, v_lock.bucket);
    end if;
  end loop;
end;
$$;
