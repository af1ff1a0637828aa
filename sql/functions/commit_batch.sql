-- Commits what a lease holder's runs did, each run alone fenced by lease and seq: an entry either counts wholly or is answered held = false.
-- p_entries are lib.store's; what is the workflow's own stands in them as text, which may hold what Postgres takes in no JSON that it
-- takes apart. `events` are comma-separated JSON objects. An entry that arrives again after its answer was lost is still held, and written once.
create or replace function ratchet.commit_batch(p_lease uuid, p_lease_seconds integer, p_entries json)
returns table (run_id uuid, held boolean, seq bigint, suspend_requested boolean, lease_left float8, now timestamptz)
language plpgsql as $$
declare
  v_now timestamptz := ratchet.clock();
  v_term interval := make_interval(secs => p_lease_seconds);
begin
  return query
  with entry as (
    select e.*, e.released and e.status in ('running', 'waiting') as pausable
    from json_to_recordset(p_entries) as e (
      run uuid, base bigint, count integer, events text, status text, released boolean, due timestamptz,
      state text, result text, error text, grants_used integer, steps json, kept json, forgotten json)
  ), written as (  -- the update is the fence: it locks the row, or finds that it is no longer ours
    update ratchet.runs r
    set seq = r.seq + e.count + (e.pausable and r.suspend_requested)::integer,
        -- a suspension asked for while the run was held takes effect when it is let go
        status = case when e.pausable and r.suspend_requested then 'suspended' else e.status end,
        due_at = case when e.pausable and r.suspend_requested then 'infinity'
                      when e.released then coalesce(e.due, 'infinity')
                      when r.due_at < v_now + v_term / 2 then v_now + v_term  -- else keep: the column is indexed
                      else r.due_at end,
        lease = case when not e.released then p_lease end, claims = case when e.count > 0 or e.released then 0 else r.claims end,
        grants = greatest(r.grants - e.grants_used, 0), suspend_requested = r.suspend_requested and not e.released,
        finished_at = case when e.status in ('completed', 'failed') then v_now end
    from entry e where r.id = e.run and r.lease = p_lease and r.status = 'running' and r.seq = e.base
    returning e.*, r.seq as new_seq, r.due_at as new_due, r.suspend_requested as suspend, r.status = 'suspended' and e.pausable as stops
  ), _history as (
    insert into ratchet.history (run_id, seq, first_seq, events, created_at)
    select w.run, w.new_seq, w.base + 1, ('[' || concat_ws(',', nullif(w.events, ''), case when w.stops
             then '{"type":"io.serverlessworkflow.workflow.suspended.v1","data":{}}' end) || ']')::json, v_now
    from written w where w.new_seq > w.base
  ), _steps as (
    insert into ratchet.steps
    select w.run, t.reference, t.visit, t.attempt, w.new_seq, t.function,
           case when t.error is null then 'completed' else 'failed' end,
           t.output::json, t.error::json, t.started_at, t.finished_at
    from written w cross join lateral json_to_recordset(w.steps) as t (reference text, visit integer, attempt integer, function text,
      output text, error text, started_at timestamptz, finished_at timestamptz)
  ), _states as (  -- not `on conflict`: it would lock the row it finds, and write that to the log
    update ratchet.run_states t set state = w.state::json from written w where t.run_id = w.run and w.state is not null returning t.run_id
  ), _first_states as (
    insert into ratchet.run_states (run_id, state) select w.run, w.state::json from written w where w.state is not null and w.run not in (select t.run_id from _states t)
  ), _finished as (  -- a failed run keeps its state: retry starts from it
    delete from ratchet.run_states t using written w where t.run_id = w.run and w.status = 'completed'
  ), _kept as (  -- what is large in a state is written once
    insert into ratchet.kept_values (run_id, number, value) select w.run, k.number, k.value::json
    from written w cross join lateral json_to_recordset(w.kept) as k (number integer, value text)
  ), _forgotten as (
    delete from ratchet.kept_values k using written w, json_array_elements_text(w.forgotten) f where k.run_id = w.run and k.number = f::integer
  ), _payloads as (
    update ratchet.run_payloads p set result = w.result::json, error = w.error::json
    from written w where p.run_id = w.run and w.status in ('completed', 'failed')
  )
  select w.run, true, w.new_seq, w.suspend, case when not w.released then extract(epoch from w.new_due - v_now)::float8 end, v_now
  from written w
  union all  -- no longer ours, or written before and the answer was lost
  select e.run, (e.count > 0 and r.lease = p_lease and r.seq = e.base + e.count) is true, r.seq, r.suspend_requested,
         case when not e.released and r.lease = p_lease then extract(epoch from r.due_at - v_now)::float8 end, v_now
  from entry e
  left join ratchet.runs r on r.id = e.run
  where e.run not in (select w.run from written w);
end;
$$;
