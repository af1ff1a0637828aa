-- Takes up to p_limit due runs under this lease, oldest first, passing by what others are taking; p_only narrows it to these runs.
-- At most p_suspects of them are runs whose last holder never let go of them: such a run may be what has killed it.
-- `children` are the effects that have started one; `inbox` is null for a run that nobody writes to. A state that names
-- values stored beside it has them as its first member, `stored`; what is written once of it is its member `base`.
-- Rows are found by indexes, as in commit_batch: joined without statistics, all payloads would be read for a few.
create or replace function ratchet.claim_runs(p_lease uuid, p_limit integer, p_lease_seconds integer, p_only uuid[], p_suspects integer default null)
returns table (
  run_id uuid, workflow_id uuid, document bytea, mode text, seq bigint, claims integer, grants integer,
  suspend_requested boolean, created_at timestamptz, input json, state json, now timestamptz,
  awaited boolean, children integer[], inbox json
)
language plpgsql set enable_seqscan = off as $$
declare
  v_now timestamptz := ratchet.clock();
  v_claimed uuid[];
begin
  with suspect as (
    select r.id from ratchet.runs r
    where r.status in ('pending', 'running', 'waiting') and num_nulls(r.lease) = 0 and r.due_at <= v_now
      and r.lease <> p_lease and (p_only is null or r.id = any (p_only))
    order by r.claims, r.due_at  -- who has cost most comes last
    limit least(p_suspects, p_limit)
    for update skip locked
  ), own as (  -- of a lease that this very holder has let expire
    select r.id from ratchet.runs r
    where r.status in ('pending', 'running', 'waiting') and num_nulls(r.lease) = 0 and r.due_at <= v_now
      and r.lease = p_lease and (p_only is null or r.id = any (p_only))
    limit p_limit - (select count(*) from suspect)
    for update skip locked
  ), due as (
    select r.id from ratchet.runs r
    where r.status in ('pending', 'running', 'waiting') and num_nulls(r.lease) = 1 and r.due_at <= v_now
      and (p_only is null or r.id = any (p_only))
    order by r.due_at
    limit p_limit - (select count(*) from suspect) - (select count(*) from own)
    for update skip locked
  ), claimed as (
    update ratchet.runs r
    set status = 'running', lease = p_lease,
        -- a claim that was lost counts, even if it had got somewhere before
        claims = least(greatest(r.claims, (r.lease <> p_lease)::integer) + 1, 1000),
        due_at = v_now + make_interval(secs => p_lease_seconds),
        started_at = coalesce(r.started_at, v_now)
    from (select s.id from suspect s union all select o.id from own o union all select d.id from due d) taken where r.id = taken.id
    returning r.id
  )
  select array_agg(c.id) into v_claimed from claimed c;
  return query  -- a second statement: it sees what was committed before the rows were locked, mail above all
  select c.id, c.workflow_id, c.document, c.mode, c.sealed_seq + c.unsealed, c.claims::integer, c.grants::integer,
         c.suspend_requested, c.created_at,
         case when c.state is null then p.input end,  -- a state carries the input already
         case when c.state is null or c.state_base is null and k.stored is null then c.state
              -- as text: Postgres takes no JSON apart that has a \u0000 in it
              else concat('{', '"stored":' || k.stored::text || ',', '"run_id":"' || c.id || '","base":' || c.state_base::text || ',',
                          substr(c.state::text, 2))::json end,
         v_now, c.awaited,
         array(select h.parent_effect from ratchet.runs h where h.parent_id = c.id),
         case when exists (select from ratchet.inbox i where i.run_id = c.id) then ratchet.read_inbox(c.id) end
  from ratchet.runs c
  join ratchet.run_payloads p on p.run_id = c.id
  cross join lateral (select json_object_agg(v.number, v.value) as stored from ratchet.kept_values v where v.run_id = c.id) k
  where c.id = any (v_claimed);
end;
$$;
