-- Commits what a lease holder's runs did, each run alone fenced by lease and seq: an entry either counts wholly or is answered held = false.
-- p_entries are lib.store's; what is the workflow's own stands in them as text, which may hold what Postgres takes in no JSON that it
-- takes apart. `events` are the parts of a commit, as in runs.recent, `count` of them events; `steps` are those that are too long for that. An entry that arrives again after its answer was lost is still held, and written once.
-- Rows are found by their keys, whatever the planner knows: with old statistics, or none, it would read all live runs at each commit, by the
-- index of the due ones (an expression of the status hides that one from it), or all runs, by a plan made while they were few.
create or replace function ratchet.commit_batch(p_lease uuid, p_lease_seconds integer, p_entries json)
returns table (run_id uuid, held boolean, seq bigint, suspend_requested boolean, lease_left float8, now timestamptz)
language plpgsql set enable_seqscan = off as $$
declare
  v_now timestamptz := ratchet.clock();
  v_term interval := make_interval(secs => p_lease_seconds);
begin
  return query
  with entry as (
    select e.*, e.released and e.status in ('running', 'waiting') as pausable, e.status in ('completed', 'failed') as ends
    from json_to_recordset(p_entries) as e (
      run uuid, base bigint, count integer, events text, status text, released boolean, due timestamptz, based boolean,
      state_base text, state text, result text, error text, grants_used integer, steps json, kept json, forgotten json)
  ), written as (  -- the update is the fence: it locks the row, or finds that it is no longer ours
    update ratchet.runs r
    set (sealed_seq, unsealed, recent) = (select c.sealed_seq, c.unsealed, c.recent from ratchet.add_commit(
          r.sealed_seq, r.unsealed, r.recent, e.count + (e.pausable and r.suspend_requested)::integer, v_now - r.created_at,
          concat_ws(',', nullif(e.events, ''), case when e.pausable and r.suspend_requested then '["workflow.suspended",{}]' end)) c),
        -- a suspension asked for while the run was held takes effect when it is let go
        status = case when e.pausable and r.suspend_requested then 'suspended' else e.status end,
        due_at = case when e.pausable and r.suspend_requested then 'infinity'
                      when e.released then coalesce(e.due, 'infinity')
                      when r.due_at < v_now + v_term / 2 then v_now + v_term  -- else keep: the column is indexed
                      else r.due_at end,
        lease = case when not e.released then p_lease end, claims = case when e.count > 0 or e.released then 0 else r.claims end,
        grants = greatest(r.grants - e.grants_used, 0), suspend_requested = r.suspend_requested and not e.released,
        finished_at = case when e.ends then v_now end,
        -- a failed run keeps its state: retry starts from it; the release before writes all of it into one column
        state_base = case when e.status <> 'completed' and (e.based or e.state is null) then coalesce(e.state_base::json, r.state_base) end,
        state = case when e.status <> 'completed' then coalesce(e.state::json, r.state) end
    from entry e where r.id = e.run and r.lease = p_lease and r.status || '' = 'running' and r.sealed_seq + r.unsealed = e.base
      -- the base that a state relies on is gone: somebody else has written one without an event
      and (e.state is null or e.based is not true or coalesce(e.state_base::json, r.state_base) is not null)
    returning e.*, r.sealed_seq, r.sealed_seq + r.unsealed as new_seq, r.due_at as new_due, r.suspend_requested as suspend
  ), _sealed as (  -- read as they were before this statement: what was recent becomes a chapter
    insert into ratchet.chapters (run_id, seq, first_seq, events, created_at)
    select r.id, w.base, r.sealed_seq + 1, ('[' || r.recent || ']')::json, r.created_at
    from written w join ratchet.runs r on r.id = w.run and r.sealed_seq < w.sealed_seq
  ), _steps as (
    insert into ratchet.steps_apart
    select w.run, t.reference, t.visit, t.attempt, w.new_seq, t.function,
           case when t.error is null then 'completed' else 'failed' end,
           t.output::json, t.error::json, t.started_at, t.finished_at
    from written w cross join lateral json_to_recordset(w.steps) as t (reference text, visit integer, attempt integer, function text,
      output text, error text, started_at timestamptz, finished_at timestamptz)
  ), _kept as (  -- what is large in a state is written once
    insert into ratchet.kept_values (run_id, number, value) select w.run, k.number, k.value::json
    from written w cross join lateral json_to_recordset(w.kept) as k (number integer, value text)
  ), _forgotten as (
    delete from ratchet.kept_values k using written w, json_array_elements_text(w.forgotten) f where k.run_id = w.run and k.number = f::integer
  ), _payloads as (
    update ratchet.run_payloads p set result = w.result::json, error = w.error::json
    from written w where p.run_id = w.run and w.ends
  )
  select w.run, true, w.new_seq, w.suspend, case when not w.released then extract(epoch from w.new_due - v_now)::float8 end, v_now
  from written w
  union all  -- no longer ours, or written before and the answer was lost
  select e.run, (e.count > 0 and r.lease = p_lease and r.sealed_seq + r.unsealed = e.base + e.count) is true, r.sealed_seq + r.unsealed, r.suspend_requested,
         case when not e.released and r.lease = p_lease then extract(epoch from r.due_at - v_now)::float8 end, v_now
  from entry e
  left join ratchet.runs r on r.id = e.run
  where e.run not in (select w.run from written w);
end;
$$;
