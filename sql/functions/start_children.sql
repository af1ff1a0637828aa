-- Starts the sub-workflows that runs ask for ({"children": [{…, "input": its place in p_inputs}]}); answers the ids of those that are new.
create or replace function ratchet.start_children(p_mail json, p_inputs text[]) returns uuid[]
language plpgsql as $$
declare
  v_asked record;
  v_started uuid[] := '{}';
begin
  for v_asked in
    select (m ->> 'run')::uuid as parent, c as child, p_inputs[(c ->> 'input')::integer]::json as input
    from json_array_elements(p_mail) m, json_array_elements(m -> 'children') c
  loop
    v_started := v_started || ratchet.start_child(v_asked.parent, v_asked.child, v_asked.input);
  end loop;
  return array_remove(v_started, null);
end;
$$;
