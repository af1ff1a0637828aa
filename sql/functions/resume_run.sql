-- Makes a suspended run due again; a manual run may start one more effect.
create or replace function ratchet.resume_run(p_id uuid) returns ratchet.run_details
language plpgsql as $$
declare
  v_run ratchet.runs := ratchet.locked_run(p_id);
  v_details ratchet.run_details;
begin
  if v_run.status = 'running' and v_run.suspend_requested then
    update ratchet.runs set suspend_requested = false where id = p_id;  -- not suspended yet: take the wish back
  elsif v_run.status <> 'suspended' then
    perform ratchet.refuse_transition(v_run.status, 'resumed');
  else
    update ratchet.runs
    set status = case when started_at is null then 'pending' else 'running' end,
        due_at = ratchet.clock(), grants = grants + (mode = 'manual')::integer
    where id = p_id;
    perform ratchet.append_event(p_id, v_run.sealed_seq + v_run.unsealed + 1, 'workflow.resumed');
  end if;
  select * into v_details from ratchet.run_details where id = p_id;
  return v_details;
end;
$$;
