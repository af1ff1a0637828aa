-- Records how a statement ended; p_statement is null if it stays as it was sent. Only the first end counts.
create or replace function ratchet.end_query(
  p_id uuid, p_kind text, p_verdict text, p_code text, p_statement text, p_rows bigint, p_ms integer
) returns void
language sql as $$
  update ratchet.queries
  set kind = p_kind, verdict = p_verdict, code = p_code, statement = coalesce(left(p_statement, 4000), statement),
      rows = p_rows, ms = p_ms
  where id = p_id and verdict = 'started';
$$;
