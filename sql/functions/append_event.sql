-- Writes one event under the next seq of a run whose row the caller has locked.
create or replace function ratchet.append_event(p_run_id uuid, p_seq bigint, p_type text) returns void
language sql as $$
  update ratchet.runs r
  set unsealed = p_seq - r.sealed_seq,
      recent = concat_ws(',', format('[%s,%s,["%s",{}]]', p_seq, (extract(epoch from ratchet.clock() - r.created_at) * 1000000)::bigint, p_type),
                         nullif(r.recent, ''))
  where r.id = p_run_id;
$$;
