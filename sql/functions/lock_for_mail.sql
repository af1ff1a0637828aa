-- Locks all that a commit with mail touches, in one order for everybody: the workflows of children, the event types, then the runs; answers the mail of the runs still held.
create or replace function ratchet.lock_for_mail(
  p_lease uuid, p_runs uuid[], p_bases bigint[], p_statuses text[], p_mail json, p_sent text[]
) returns json
language plpgsql as $$
declare
  v_heard text[];
  v_ending uuid[];
begin
  perform 1 from ratchet.workflows w
  where (w.namespace, w.name) in (
    select c ->> 'namespace', c ->> 'name' from json_array_elements(p_mail) m, json_array_elements(m -> 'children') c)
  order by w.id for key share;  -- a deletion locks its workflow first, too
  select coalesce(array_agg(distinct t.type), '{}') into v_heard
  from json_array_elements(p_mail) m
  cross join lateral json_array_elements(case when m ->> 'listens' is not null then m -> 'listens' else '[]' end) l
  left join lateral json_array_elements_text((l ->> 1)::json) t (type) on true
  where l ->> 1 is null or t.type is not null;
  perform ratchet.lock_event_types(p_sent, v_heard);
  select coalesce(array_agg(e.id), '{}') into v_ending
  from unnest(p_runs, p_statuses) as e (id, status)
  where e.status in ('completed', 'failed')
    or exists (select from json_array_elements(p_mail) m where m ->> 'run' = e.id::text and json_array_length(m -> 'dropped') > 0);
  perform ratchet.lock_runs(p_runs || ratchet.listening_runs(p_sent) || ratchet.related_runs(v_ending));
  return (
    select coalesce(json_agg(m), '[]') from json_array_elements(p_mail) m
    join unnest(p_runs, p_bases) as e (id, base) on e.id = (m ->> 'run')::uuid
    join ratchet.runs r on r.id = e.id and r.lease = p_lease and r.status = 'running' and r.seq = e.base
  );
end;
$$;
