-- Ends a live run, and the children it waits for, as cancelled; its holder, if any, loses the lease and with it every result not yet committed.
create or replace function ratchet.cancel_run(p_id uuid) returns ratchet.run_details
language plpgsql as $$
declare
  v_run ratchet.runs;
  v_details ratchet.run_details;
begin
  perform ratchet.lock_runs(ratchet.related_runs(array[p_id]));
  v_run := ratchet.locked_run(p_id);
  if v_run.status in ('completed', 'failed', 'cancelled') then
    perform ratchet.refuse_transition(v_run.status, 'cancelled');
  end if;
  update ratchet.runs
  set status = 'cancelled', lease = null, due_at = 'infinity', finished_at = ratchet.clock(),
      suspend_requested = false, state_base = null, state = null
  where id = p_id;
  delete from ratchet.kept_values where run_id = p_id;
  perform ratchet.append_event(p_id, v_run.sealed_seq + v_run.unsealed + 1, 'workflow.cancelled');
  perform ratchet.end_runs(array[p_id]);
  select * into v_details from ratchet.run_details where id = p_id;
  return v_details;
end;
$$;
