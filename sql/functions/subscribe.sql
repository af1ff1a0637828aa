-- Replaces what runs listen to by [{"run", "listens": [[listener, [type, …] or null, {type: [source, …], …} or nothing], …]}, …], and offers
-- what is new the kept events: those that came before and that nobody has taken, oldest first. A type without sources is wanted from all of them.
-- The caller holds the rows of the runs and the locks of the types.
create or replace function ratchet.subscribe(p_listens json, p_event_days integer) returns void
language plpgsql as $$
declare
  v_after timestamptz := ratchet.clock() - make_interval(days => p_event_days);
begin
  with wanted as (
    select (m ->> 'run')::uuid as run_id, (l ->> 0)::integer as listener, t.type,
           case when l -> 2 -> t.type is not null then array(select json_array_elements_text(l -> 2 -> t.type)) end as sources
    from json_array_elements(p_listens) m
    cross join lateral json_array_elements(m -> 'listens') l
    left join lateral json_array_elements_text((l ->> 1)::json) t (type) on true
    where l ->> 1 is null or t.type is not null
  ), _gone as (
    delete from ratchet.subscriptions s
    where s.run_id in (select (m ->> 'run')::uuid from json_array_elements(p_listens) m)
      and not exists (
        select from wanted w
        where w.run_id = s.run_id and w.listener = s.listener and w.type is not distinct from s.type)
  ), _unread as (  -- events that came for who listens to nothing any more: nobody would ever look at them again
    delete from ratchet.inbox i
    using json_array_elements(p_listens) m
    where i.run_id = (m ->> 'run')::uuid and i.event is not null and json_array_length(m -> 'listens') = 0
  ), added as (
    insert into ratchet.subscriptions as s (run_id, listener, type, sources)
    select w.run_id, w.listener, w.type, w.sources from wanted w
    on conflict on constraint a_listener_subscribes_once do update set sources = excluded.sources
      where s.sources is distinct from excluded.sources
    returning s.run_id, s.type, s.sources
  )
  insert into ratchet.inbox (run_id, event)
  select a.run_id, k.number
  from (select distinct run_id, type, sources from added) a
  cross join lateral (
    select e.number, e.received_at from ratchet.cloud_events e
    where not e.consumed and e.received_at >= v_after and (e.type = a.type or a.type is null)
      and (e.source = any (a.sources) or a.sources is null)
    order by e.received_at
    limit 1000
  ) k
  order by k.received_at
  on conflict on constraint an_event_is_delivered_once do nothing;
end;
$$;
