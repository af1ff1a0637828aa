-- Locks a run that somebody outside a sweep wants to change; WF404 when there is none.
create or replace function ratchet.locked_run(p_id uuid) returns ratchet.runs
language plpgsql as $$
declare
  v_run ratchet.runs;
begin
  select * into v_run from ratchet.runs where id = p_id for update;
  if not found then
    raise exception using errcode = 'WF404', message = 'There is no run with this id.';
  end if;
  return v_run;
end;
$$;
