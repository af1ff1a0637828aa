-- Makes those of these runs due that wait: there is mail for them. Held, pending and suspended ones find it by themselves.
create or replace function ratchet.wake_runs(p_ids uuid[]) returns void
language sql as $$
  update ratchet.runs set due_at = ratchet.clock() where id = any (p_ids) and status = 'waiting';
$$;
