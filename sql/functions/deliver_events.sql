-- Keeps these CloudEvents, once per source and id, and puts each into the inbox of every run that listens to its type from its source; answers whom it woke:
-- runs, and workflows whose schedule waits for events. Those that are new also go to the sinks, if any are named.
create or replace function ratchet.deliver_events(p_sources text[], p_ids text[], p_types text[], p_events text[], p_sinks text[] default '{}')
returns table (accepted integer, duplicates integer, woken uuid[])
language plpgsql as $$
declare
  v_now timestamptz := ratchet.clock();
  v_new bigint[];
  v_woken uuid[];
begin
  perform ratchet.lock_event_types(p_types, '{}');
  with sent as (  -- a microsecond apart, so that events that came together keep their order
    select e.*, v_now + e.position * interval '1 microsecond' as received_at
    from unnest(p_sources, p_ids, p_types, p_events) with ordinality as e (source, id, type, event, position)
  ), kept as (
    insert into ratchet.cloud_events (source, id, type, event, received_at)
    select s.source, s.id, s.type, s.event::json, s.received_at
    from sent s order by s.source, s.id, s.position  -- two batches of the same events wait for each other, not in a circle
    on conflict on constraint an_event_counts_once do nothing
    returning number
  )
  select coalesce(array_agg(k.number), '{}') into v_new from kept k;
  if cardinality(v_new) > 0 then
    perform ratchet.lock_runs(array(
      select s.run_id from ratchet.cloud_events e
      join ratchet.subscriptions s on (s.type = e.type or s.type is null) and (e.source = any (s.sources) or s.sources is null)
      where e.number = any (v_new)));
  end if;
  if cardinality(p_sinks) > 0 then
    insert into ratchet.outbox (event, sink, due_at, give_up_at)
    select e.number, s.sink, v_now, v_now + interval '3 days'
    from unnest(v_new) as e (number) cross join unnest(p_sinks) as s (sink);
  end if;
  with delivered as (
    insert into ratchet.inbox (run_id, event)
    select s.run_id, e.number
    from ratchet.cloud_events e
    join ratchet.subscriptions s on (s.type = e.type or s.type is null) and (e.source = any (s.sources) or s.sources is null)
    where e.number = any (v_new)
    group by s.run_id, e.number, e.received_at
    order by e.received_at
    returning run_id
  )
  select coalesce(array_agg(distinct d.run_id), '{}') into v_woken from delivered d;
  perform ratchet.wake_runs(v_woken);
  update ratchet.schedules s set next_at = v_now where s.workflow_id = any (v_woken);
  return query select cardinality(v_new), cardinality(p_ids) - cardinality(v_new), v_woken;
end;
$$;
