-- Moves a schedule on, once per turn: listens to these types (a null among them: any), forgets the mail that was read, keeps what has come
-- of it so far, starts a run for each input, and looks again at p_next. Answers the runs; none for a turn that somebody else has taken.
create or replace function ratchet.move_schedule(
  p_workflow_id uuid, p_turn integer, p_tick timestamptz, p_next timestamptz, p_kept json, p_types text[],
  p_read bigint[], p_taken bigint[], p_inputs text[]
) returns uuid[]
language plpgsql as $$
declare
  v_started uuid[] := '{}';
  v_since timestamptz;
  v_input text;
begin
  perform 1 from ratchet.workflows w where w.id = p_workflow_id for key share;  -- a deletion locks its workflow first, too
  perform ratchet.lock_event_types('{}', p_types);
  select w.created_at into v_since from ratchet.schedules s join ratchet.workflows w on w.id = s.workflow_id
  where s.workflow_id = p_workflow_id and s.turn = p_turn for update of s;
  if not found then
    return v_started;
  end if;
  insert into ratchet.subscriptions (run_id, listener, type)
  select p_workflow_id, 0, t.type from unnest(p_types) as t (type)
  on conflict on constraint a_listener_subscribes_once do nothing;
  insert into ratchet.inbox (run_id, event)  -- what came between its publication and this moment
  select p_workflow_id, e.number from ratchet.cloud_events e
  where e.received_at >= v_since and (e.type = any (p_types) or array_position(p_types, null) is not null)
  order by e.received_at
  on conflict on constraint an_event_is_delivered_once do nothing;
  delete from ratchet.inbox i where i.run_id = p_workflow_id and i.id = any (p_read);
  update ratchet.cloud_events e set consumed = true where e.number = any (p_taken) and not e.consumed;
  foreach v_input in array p_inputs loop
    v_started := v_started || (
      select (s.run).id from ratchet.start_run(p_workflow_id, v_input::json, 'auto', null, null) s);
  end loop;
  update ratchet.schedules s
  set turn = s.turn + 1, tick_at = p_tick, kept = p_kept,
      next_at = case when exists (select from ratchet.inbox i where i.run_id = p_workflow_id) then ratchet.clock()
                     else coalesce(p_next, 'infinity') end
  where s.workflow_id = p_workflow_id;
  return v_started;
end;
$$;
