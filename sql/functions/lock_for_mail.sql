-- Locks all that a commit with mail touches, in one order for everybody: the workflows of children, the event types, then the runs; answers the mail of the runs still held.
-- Their rows are found by their keys, as in commit_batch.
create or replace function ratchet.lock_for_mail(
  p_lease uuid, p_entries json, p_mail json, p_sent text[]
) returns json
language plpgsql set enable_seqscan = off as $$
declare
  v_heard text[];
  v_runs uuid[];
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
  select array_agg(e.run),
         coalesce(array_agg(e.run) filter (where e.status in ('completed', 'failed') or exists (
           select from json_array_elements(p_mail) m
           where m ->> 'run' = e.run::text and json_array_length(m -> 'dropped') > 0)), '{}')
  into v_runs, v_ending
  from json_to_recordset(p_entries) as e (run uuid, status text);
  perform ratchet.lock_runs(v_runs || ratchet.listening_runs(p_sent) || ratchet.related_runs(v_ending));
  return (
    select coalesce(json_agg(m), '[]') from json_array_elements(p_mail) m
    join json_to_recordset(p_entries) as e (run uuid, base bigint) on e.run = (m ->> 'run')::uuid
    join ratchet.runs r on r.id = e.run and r.lease = p_lease and r.status || '' = 'running' and r.sealed_seq + r.unsealed = e.base
  );
end;
$$;
