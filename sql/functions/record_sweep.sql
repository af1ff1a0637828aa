-- Remembers one sweep: what it claimed, started and committed, how long it took and why it ended.
create or replace function ratchet.record_sweep(
  p_ms integer, p_claimed integer, p_effects integer, p_commits integer, p_ended text
) returns void
language sql as $$
  insert into ratchet.sweeps (id, started_at, ms, claimed, effects, commits, ended)
  values (ratchet.new_id(), ratchet.clock() - make_interval(secs => p_ms / 1000.0), p_ms, p_claimed, p_effects, p_commits, p_ended);
$$;
