-- Schedules to look at, the longest due first; `ended_at` is when the latest run of the name ended, unless it was cancelled or goes on.
create or replace function ratchet.due_schedules(p_limit integer)
returns table (
  workflow_id uuid, document bytea, turn integer, tick_at timestamptz, kept json, last_run_id uuid, ended_at timestamptz, now timestamptz
)
language sql stable as $$
  select s.workflow_id, w.document, s.turn, s.tick_at, s.kept, l.id, l.finished_at, ratchet.clock()
  from ratchet.schedules s
  join ratchet.workflows w on w.id = s.workflow_id
  left join lateral (
    select n.id, case when n.status <> 'cancelled' then n.finished_at end as finished_at
    from ratchet.workflows v
    cross join lateral (
      select r.id, r.status, r.finished_at from ratchet.runs r where r.workflow_id = v.id order by r.id desc limit 1) n
    where v.namespace = s.namespace and v.name = s.name
    order by n.id desc limit 1
  ) l on true
  where s.next_at <= ratchet.clock()
  order by s.next_at
  limit p_limit;
$$;
