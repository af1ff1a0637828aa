-- After an attempt: forgets what is done, else waits 10 s, 20 s, 40 s … 1 h for the next one; answers whether it has given up instead.
-- An attempt that is not the latest any more says nothing about when the next one is.
create or replace function ratchet.settle_outbox(p_event bigint, p_sink text, p_attempts integer, p_done boolean) returns boolean
language plpgsql as $$
begin
  if p_done then
    delete from ratchet.outbox o where o.event = p_event and o.sink = p_sink;
    return false;
  end if;
  delete from ratchet.outbox o
  where o.event = p_event and o.sink = p_sink and o.attempts = p_attempts and o.give_up_at <= ratchet.clock();
  if found then
    return true;
  end if;
  update ratchet.outbox o
  set due_at = ratchet.clock() + make_interval(secs => least(10 * 2 ^ least(p_attempts - 1, 9), 3600))
  where o.event = p_event and o.sink = p_sink and o.attempts = p_attempts;
  return false;
end;
$$;
