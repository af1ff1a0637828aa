-- Publishes a document under its name; the same again is the same row, another one under that version is WF409.
create or replace function ratchet.publish_workflow(
  p_namespace text, p_name text, p_version text, p_type text, p_definition json, p_hash bytea
) returns table (workflow ratchet.workflows, created boolean)
language plpgsql as $$
declare
  v_now timestamptz := ratchet.clock();
  v_workflow ratchet.workflows;
  v_created boolean;
begin
  insert into ratchet.documents (hash, definition, created_at) values (p_hash, p_definition, v_now)
  on conflict (hash) do nothing;
  insert into ratchet.workflows (id, namespace, name, version, definition, type, document, created_at, updated_at)
  values (ratchet.new_id(), p_namespace, p_name, p_version, p_definition, p_type, p_hash, v_now, v_now)
  on conflict (namespace, name, version) do nothing
  returning * into v_workflow;
  v_created := found;
  if not v_created then
    select * into strict v_workflow from ratchet.workflows w
    where w.namespace = p_namespace and w.name = p_name and w.version = p_version;
    if v_workflow.document <> p_hash then
      raise exception using errcode = 'WF409', message = format(
        'Another document is already published as %s/%s@%s; publish this one under a new version.',
        p_namespace, p_name, p_version);
    end if;
  end if;
  return query select v_workflow, v_created;
end;
$$;
