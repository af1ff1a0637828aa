-- Publishes a document under its name, once per idempotency key; the same again is the same row, another one under that version is WF409.
create or replace function ratchet.publish_workflow(
  p_namespace text, p_name text, p_version text, p_type text, p_definition json, p_hash bytea,
  p_key_hash bytea, p_request_hash bytea
) returns table (workflow ratchet.workflows, created boolean)
language plpgsql as $$
declare
  v_now timestamptz := ratchet.clock();
  v_workflow ratchet.workflows;
  v_created boolean;
  v_key ratchet.idempotency_keys := ratchet.first_answer(p_key_hash, p_request_hash);
begin
  select * into v_workflow from ratchet.workflows w where w.id = v_key.answer_id;
  if found then  -- the first answer again: it was "created" if the row is as old as the key
    return query select v_workflow, v_workflow.created_at = v_key.created_at;
    return;
  end if;
  insert into ratchet.documents (hash, definition, created_at) values (p_hash, p_definition, v_now)
  on conflict (hash) do nothing;
  insert into ratchet.workflows (id, namespace, name, version, definition, type, document, created_at, updated_at)
  values (ratchet.new_id(), p_namespace, p_name, p_version, p_definition, p_type, p_hash, v_now, v_now)
  on conflict (namespace, name, version) do nothing
  returning * into v_workflow;
  v_created := found;
  if v_created then
    perform ratchet.schedule_newest(p_namespace, p_name);
  else
    select * into strict v_workflow from ratchet.workflows w
    where w.namespace = p_namespace and w.name = p_name and w.version = p_version;
    if v_workflow.document <> p_hash then
      raise exception using errcode = 'WF409', message = format(
        'Another document is already published as %s/%s@%s; publish this one under a new version.',
        p_namespace, p_name, p_version);
    end if;
  end if;
  insert into ratchet.idempotency_keys (key_hash, request_hash, answer_id, created_at)
  select p_key_hash, p_request_hash, v_workflow.id, v_now where p_key_hash is not null
  on conflict (key_hash) do update set answer_id = excluded.answer_id, created_at = excluded.created_at;
  return query select v_workflow, v_created;
end;
$$;
