-- Suspends a live run: at once when nobody holds it, else as soon as the effects in flight are committed.
create or replace function ratchet.suspend_run(p_id uuid) returns ratchet.run_details
language plpgsql as $$
declare
  v_run ratchet.runs := ratchet.locked_run(p_id);
  v_details ratchet.run_details;
begin
  if v_run.status not in ('pending', 'running', 'waiting') then
    perform ratchet.refuse_transition(v_run.status, 'suspended');
  end if;
  if v_run.lease is not null and v_run.due_at > ratchet.clock() then
    update ratchet.runs set suspend_requested = true where id = p_id;
  else
    update ratchet.runs
    set status = 'suspended', lease = null, due_at = 'infinity', suspend_requested = false
    where id = p_id;
    perform ratchet.append_event(p_id, v_run.sealed_seq + v_run.unsealed + 1, 'workflow.suspended');
  end if;
  select * into v_details from ratchet.run_details where id = p_id;
  return v_details;
end;
$$;
