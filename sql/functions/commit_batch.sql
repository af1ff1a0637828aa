-- Commits what a lease holder's runs did, each run alone fenced by lease and seq: an entry either counts wholly or is answered held = false.
-- Events come as comma-separated JSON objects. An entry that arrives again after its answer was lost is still held, and written once.
create or replace function ratchet.commit_batch(
  p_lease uuid, p_lease_seconds integer,
  p_runs uuid[], p_bases bigint[], p_event_counts integer[], p_events text[], p_statuses text[], p_releases boolean[],
  p_due timestamptz[], p_states text[], p_results text[], p_errors text[], p_grants_used integer[],
  p_step_runs uuid[], p_references text[], p_visits integer[], p_attempts integer[], p_functions text[],
  p_outputs text[], p_step_errors text[], p_started timestamptz[], p_finished timestamptz[]
) returns table (run_id uuid, held boolean, seq bigint, suspend_requested boolean, lease_left float8, now timestamptz)
language plpgsql as $$
declare
  v_now timestamptz := ratchet.clock();
  v_term interval := make_interval(secs => p_lease_seconds);
  v_suspended text := '{"type":"io.serverlessworkflow.workflow.suspended.v1","data":{}}';
begin
  return query
  with entry as (
    select e.*, e.released and e.status in ('running', 'waiting') as pausable
    from unnest(p_runs, p_bases, p_event_counts, p_events, p_statuses, p_releases,
                p_due, p_states, p_results, p_errors, p_grants_used)
      as e (id, base, events_count, events, status, released, due, state, result, error, grants_used)
  ), written as (  -- the update is the fence: it locks the row, or finds that it is no longer ours
    update ratchet.runs r
    set seq = r.seq + e.events_count + (e.pausable and r.suspend_requested)::integer,
        -- a suspension asked for while the run was held takes effect when it is let go
        status = case when e.pausable and r.suspend_requested then 'suspended' else e.status end,
        lease = case when not e.released then p_lease end,
        due_at = case when e.pausable and r.suspend_requested then 'infinity'
                      when e.released then coalesce(e.due, 'infinity')
                      when r.due_at < v_now + v_term / 2 then v_now + v_term  -- else keep: the column is indexed
                      else r.due_at end,
        claims = case when e.events_count > 0 or e.released then 0 else r.claims end,
        grants = greatest(r.grants - e.grants_used, 0),
        suspend_requested = r.suspend_requested and not e.released,
        finished_at = case when e.status in ('completed', 'failed') then v_now end
    from entry e
    where r.id = e.id and r.lease = p_lease and r.status = 'running' and r.seq = e.base
    returning e.*, r.seq as new_seq, r.due_at as new_due, r.suspend_requested as suspend, r.status = 'suspended' and e.pausable as stops
  ), _history as (
    insert into ratchet.history (run_id, seq, first_seq, events, created_at)
    select w.id, w.new_seq, w.base + 1,
           ('[' || concat_ws(',', nullif(w.events, ''), case when w.stops then v_suspended end) || ']')::json, v_now
    from written w where w.new_seq > w.base
  ), _steps as (
    insert into ratchet.steps
    select t.run_id, t.reference, t.visit, t.attempt, w.new_seq, t.function,
           case when t.error is null then 'completed' else 'failed' end,
           t.output::json, t.error::json, t.started_at, t.finished_at
    from unnest(p_step_runs, p_references, p_visits, p_attempts, p_functions, p_outputs, p_step_errors, p_started, p_finished)
      as t (run_id, reference, visit, attempt, function, output, error, started_at, finished_at)
    join written w on w.id = t.run_id
  ), _states as (
    insert into ratchet.run_states as t (run_id, state)
    select w.id, w.state::json from written w where w.state is not null
    on conflict on constraint run_states_pkey do update set state = excluded.state
  ), _finished as (  -- a failed run keeps its state: retry starts from it
    delete from ratchet.run_states t using written w where t.run_id = w.id and w.status = 'completed'
  ), _payloads as (
    update ratchet.run_payloads p set result = w.result::json, error = w.error::json
    from written w where p.run_id = w.id and w.status in ('completed', 'failed')
  )
  select e.id, w.id is not null or (e.events_count > 0 and r.lease = p_lease and r.seq = e.base + e.events_count) is true,
         coalesce(w.new_seq, r.seq), coalesce(w.suspend, r.suspend_requested),
         case when not e.released and r.lease = p_lease
              then extract(epoch from coalesce(w.new_due, r.due_at) - v_now)::float8 end,
         v_now
  from entry e
  left join written w on w.id = e.id
  left join ratchet.runs r on r.id = e.id;
end;
$$;
