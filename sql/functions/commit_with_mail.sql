-- commit_batch for runs that listen, emit, or have parents or children: what they send and take counts in the same transaction, or not at all.
-- `mail`: the run has mail that it has not read; `woken`: runs that have become due, children that were started among them.
create or replace function ratchet.commit_with_mail(
  p_lease uuid, p_lease_seconds integer, p_entries json,
  p_mail json, p_inputs text[], p_senders uuid[], p_sources text[], p_ids text[], p_types text[], p_sent text[],
  p_event_days integer, p_sinks text[] default '{}'
) returns table (run_id uuid, held boolean, seq bigint, suspend_requested boolean, lease_left float8, now timestamptz, mail boolean, woken uuid[])
language plpgsql as $$
declare
  v_mail json := ratchet.lock_for_mail(p_lease, p_entries, p_mail, p_types);
  v_held uuid[] := array(select (m ->> 'run')::uuid from json_array_elements(v_mail) m);
  v_woken uuid[];
  v_unread uuid[];
  v_verdicts json;
begin
  perform ratchet.apply_mail(v_mail, p_event_days);
  select d.woken into v_woken from (  -- after the subscriptions: a run hears itself
    select array_agg(s.source) as sources, array_agg(s.id) as ids, array_agg(s.type) as types, array_agg(s.event) as events
    from unnest(p_senders, p_sources, p_ids, p_types, p_sent) as s (run_id, source, id, type, event)
    where s.run_id = any (v_held)
  ) s
  cross join lateral ratchet.deliver_events(s.sources, s.ids, s.types, s.events, p_sinks) d
  where s.ids is not null;
  v_woken := coalesce(v_woken, '{}') || ratchet.start_children(v_mail, p_inputs);
  select json_agg(b) into v_verdicts from ratchet.commit_batch(p_lease, p_lease_seconds, p_entries) b;
  v_woken := v_woken || ratchet.end_runs(array(
    select e.run from json_to_recordset(p_entries) as e (run uuid, status text)
    where e.run = any (v_held) and e.status in ('completed', 'failed')));
  -- Mail that came while the runs were held: their rows are locked, so none is overlooked.
  v_unread := array(select distinct i.run_id from ratchet.inbox i where i.run_id in (select e.run from json_to_recordset(p_entries) as e (run uuid)));
  perform ratchet.wake_runs(v_unread);
  return query
  select v.run_id, v.held, v.seq, v.suspend_requested, v.lease_left, v.now, v.run_id = any (v_unread), v_woken || v_unread
  from json_to_recordset(v_verdicts)
    as v (run_id uuid, held boolean, seq bigint, suspend_requested boolean, lease_left float8, now timestamptz);
end;
$$;
