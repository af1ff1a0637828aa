-- Cancels the live children that these runs wait for: all of them, or those that these effects have started.
create or replace function ratchet.cancel_children(p_parents uuid[], p_effects integer[]) returns void
language plpgsql as $$
declare
  v_child uuid;
begin
  for v_child in
    update ratchet.runs c set awaited = false  -- nobody is left to be told
    where c.parent_id = any (p_parents) and c.awaited and c.status not in ('completed', 'failed', 'cancelled')
      and (p_effects is null or c.parent_effect = any (p_effects))
    returning c.id
  loop
    perform ratchet.cancel_run(v_child);
  end loop;
end;
$$;
