-- Writes one event under the next seq of a run whose row the caller has locked and whose seq it stores.
create or replace function ratchet.append_event(p_run_id uuid, p_seq bigint, p_type text) returns void
language sql as $$
  insert into ratchet.history (run_id, seq, first_seq, events, created_at)
  values (p_run_id, p_seq, p_seq,
          json_build_array(json_build_object('type', 'io.serverlessworkflow.' || p_type || '.v1', 'data', json_build_object())),
          ratchet.clock());
$$;
