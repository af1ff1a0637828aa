-- Does what runs have decided about their mail, [{"run", "read", "taken", "listens", "children", "dropped"}, …]: forgets what was read,
-- marks what was taken, subscribes, and cancels the children of dropped effects. The caller holds all locks.
create or replace function ratchet.apply_mail(p_mail json, p_event_days integer) returns void
language plpgsql as $$
declare
  v_dropped record;
begin
  delete from ratchet.inbox i
  using json_array_elements(p_mail) m, json_array_elements_text(m -> 'read') as given (id)
  where i.run_id = (m ->> 'run')::uuid and i.id = given.id::bigint;
  update ratchet.cloud_events e set consumed = true
  from json_array_elements(p_mail) m, json_array_elements_text(m -> 'taken') as given (number)
  where e.number = given.number::bigint and not e.consumed;
  perform ratchet.subscribe(
    (select json_agg(m) from json_array_elements(p_mail) m where m ->> 'listens' is not null), p_event_days);
  for v_dropped in
    select (m ->> 'run')::uuid as run, array(select d::integer from json_array_elements_text(m -> 'dropped') d) as effects
    from json_array_elements(p_mail) m where json_array_length(m -> 'dropped') > 0
  loop
    perform ratchet.cancel_children(array[v_dropped.run], v_dropped.effects);
  end loop;
end;
$$;
