-- Starts the sub-workflow {"effect", "namespace", "name", "version", "awaited"} of a run whose row the caller has locked, once.
-- What cannot be started is told in the parent's inbox, as is the id of a child that is not awaited. Answers the child's id.
create or replace function ratchet.start_child(p_parent uuid, p_child json, p_input json) returns uuid
language plpgsql as $$
declare
  v_effect integer := (p_child ->> 'effect')::integer;
  v_awaited boolean := (p_child ->> 'awaited')::boolean;
  v_version text := nullif(p_child ->> 'version', 'latest');
  v_depth integer;
  v_workflow uuid;
  v_refusal text;
  v_id uuid;
begin
  if exists (select from ratchet.runs c where c.parent_id = p_parent and c.parent_effect = v_effect) then
    return null;
  end if;
  select r.depth + 1 into strict v_depth from ratchet.runs r where r.id = p_parent;
  select w.id into v_workflow from ratchet.workflows w
  where w.name = p_child ->> 'name' and w.namespace = p_child ->> 'namespace' and (v_version is null or w.version = v_version)
  order by w.id desc limit 1;
  if v_workflow is null then
    v_refusal := format('There is no workflow %s/%s%s.', p_child ->> 'namespace', p_child ->> 'name', '@' || v_version);
  elsif v_depth > 16 then
    v_refusal := 'Sub-workflows are nested deeper than 16 levels.';
  else
    select (s.run).id into v_id from ratchet.start_run(v_workflow, p_input, 'auto', null, null) s;
    update ratchet.runs c set parent_id = p_parent, parent_effect = v_effect, depth = v_depth, awaited = v_awaited
    where c.id = v_id;
  end if;
  if v_id is null then
    insert into ratchet.inbox (run_id, payload) values (p_parent, json_build_object('effect', v_effect, 'refusal', v_refusal));
  elsif not v_awaited then
    insert into ratchet.inbox (run_id, payload) values (p_parent, json_build_object('effect', v_effect, 'output', v_id));
  end if;
  return v_id;
end;
$$;
