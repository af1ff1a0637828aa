-- The unread mail of a run, oldest first: events with their numbers, and outcomes of children.
create or replace function ratchet.read_inbox(p_run_id uuid) returns json
language sql stable as $$
  select coalesce(json_agg(json_build_object('id', m.id, 'number', m.event, 'event', e.event, 'outcome', m.payload) order by m.id), '[]')
  from (select * from ratchet.inbox i where i.run_id = p_run_id order by i.id limit 1000) m
  left join ratchet.cloud_events e on e.number = m.event;
$$;
