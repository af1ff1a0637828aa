-- Retention: forgets up to p_limit queries that began more than p_days ago; answers how many.
-- Spent tokens are kept for a day after they expired: no clock of ours is that wrong.
create or replace function ratchet.delete_old_queries(p_days integer, p_limit integer) returns integer
language plpgsql as $$
declare
  v_deleted integer;
begin
  delete from ratchet.spent_confirmations where expires_at < ratchet.clock() - interval '1 day';
  delete from ratchet.queries q
  where q.id in (
    select o.id from ratchet.queries o
    where o.id < ratchet.first_id(ratchet.clock() - make_interval(days => p_days))
    order by o.id
    limit p_limit
    for update skip locked
  );
  get diagnostics v_deleted = row_count;
  return v_deleted;
end;
$$;
