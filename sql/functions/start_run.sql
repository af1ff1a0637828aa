-- Inserts a pending run with event 1, once per idempotency key.
create or replace function ratchet.start_run(
  p_workflow_id uuid, p_input json, p_mode text, p_key_hash bytea, p_request_hash bytea
) returns table (run ratchet.run_details, replayed boolean)
language plpgsql as $$
declare
  v_id uuid := ratchet.new_id();
  v_now timestamptz := ratchet.clock();
  v_document bytea;
  v_key ratchet.idempotency_keys := ratchet.first_answer(p_key_hash, p_request_hash);
begin
  if v_key.key_hash is not null then
    return query  -- the first answer again, whatever has become of the run since
      select row(d.id, d.workflow_id, 'pending', d.mode, d.input, null, null, 1, d.created_at, null, null)
               ::ratchet.run_details, true
      from ratchet.run_details d where d.id = v_key.answer_id;
    return;
  end if;
  insert into ratchet.idempotency_keys (key_hash, request_hash, answer_id, created_at)
  select p_key_hash, p_request_hash, v_id, v_now where p_key_hash is not null;

  select w.document into v_document from ratchet.workflows w where w.id = p_workflow_id for key share;
  if not found then
    raise exception using errcode = 'WF404', message = 'There is no workflow with this id.';
  end if;
  insert into ratchet.runs (id, workflow_id, document, status, mode, unsealed, recent, due_at, created_at)
  values (v_id, p_workflow_id, v_document, 'pending', p_mode, 1, '[1,0,["workflow.status-changed",{"status":"pending"}]]', v_now, v_now);
  insert into ratchet.run_payloads (run_id, input) values (v_id, p_input);
  return query select row(v_id, p_workflow_id, 'pending', p_mode, p_input, null, null, 1, v_now, null, null)
                        ::ratchet.run_details, false;
end;
$$;
