-- Locks these runs in the order of their ids: whoever locks more than one run at once begins here, so that nobody waits in a circle.
create or replace function ratchet.lock_runs(p_ids uuid[]) returns void
language plpgsql as $$
begin
  perform 1 from ratchet.runs r where r.id = any (p_ids) order by r.id for update;
end;
$$;
