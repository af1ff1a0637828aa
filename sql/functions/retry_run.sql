-- Makes a failed run due again from its failed task; what succeeded stays.
create or replace function ratchet.retry_run(p_id uuid) returns ratchet.run_details
language plpgsql as $$
declare
  v_run ratchet.runs := ratchet.locked_run(p_id);
  v_details ratchet.run_details;
begin
  if v_run.status <> 'failed' then
    perform ratchet.refuse_transition(v_run.status, 'retried');
  end if;
  update ratchet.runs
  set status = 'running', due_at = ratchet.clock(), finished_at = null, claims = 0, grants = 0
  where id = p_id;
  update ratchet.run_payloads set result = null, error = null where run_id = p_id;
  -- the machine tells that it resumes, when it does
  perform ratchet.append_event(p_id, v_run.sealed_seq + v_run.unsealed + 1, 'workflow.status-changed');
  select * into v_details from ratchet.run_details where id = p_id;
  return v_details;
end;
$$;
