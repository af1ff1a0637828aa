-- Raises WF409 saying which state the run is in and what was asked of it.
create or replace function ratchet.refuse_transition(p_status text, p_verb text) returns void
language plpgsql as $$
begin
  raise exception using errcode = 'WF409', message = format('The run is %s and cannot be %s.', p_status, p_verb);
end;
$$;
