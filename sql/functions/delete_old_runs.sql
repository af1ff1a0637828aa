-- Retention: deletes up to p_limit runs that ended more than p_days ago, with all that belongs to them; answers how many.
create or replace function ratchet.delete_old_runs(p_days integer, p_limit integer) returns integer
language plpgsql as $$
declare
  v_old uuid[];
begin
  select coalesce(array_agg(o.id), '{}') into v_old from (
    select r.id from ratchet.runs r
    where r.finished_at < ratchet.clock() - make_interval(days => p_days)
    order by r.finished_at
    limit p_limit
    for update skip locked
  ) o;
  delete from ratchet.steps_apart where run_id = any (v_old);
  delete from ratchet.chapters where run_id = any (v_old);
  delete from ratchet.kept_values where run_id = any (v_old);
  delete from ratchet.run_payloads where run_id = any (v_old);
  delete from ratchet.runs where id = any (v_old);
  delete from ratchet.idempotency_keys where created_at < ratchet.clock() - interval '1 day';
  delete from ratchet.sweeps where started_at < ratchet.clock() - make_interval(days => p_days);
  return cardinality(v_old);
end;
$$;
