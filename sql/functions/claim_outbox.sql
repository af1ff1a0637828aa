-- Up to p_limit events that are due at this sink, leased: two callers never get the same one while its lease lasts.
create or replace function ratchet.claim_outbox(p_sink text, p_limit integer, p_lease_seconds integer)
returns table (number bigint, attempts integer, event json)
language sql as $$
  with due as materialized (
    select o.event from ratchet.outbox o
    where o.sink = p_sink and o.due_at <= ratchet.clock()
    order by o.due_at, o.event
    limit p_limit
    for update skip locked
  ), claimed as (
    update ratchet.outbox o
    set attempts = o.attempts + 1, due_at = ratchet.clock() + make_interval(secs => p_lease_seconds)
    from due
    where o.event = due.event and o.sink = p_sink
    returning o.event, o.attempts
  )
  select c.event, c.attempts, e.event
  from claimed c join ratchet.cloud_events e on e.number = c.event
  order by c.event;
$$;
