-- What decides whether a run moves: its clock, its lease, its claims, and when a sweep last came by. WF404 when there is none.
create or replace function ratchet.read_diagnosis(p_id uuid)
returns table (
  status text, mode text, due_at timestamptz, leased boolean, claims integer, suspend_requested boolean,
  finished_at timestamptz, last_sweep_at timestamptz, now timestamptz
)
language plpgsql stable as $$
begin
  return query
  select r.status, r.mode, nullif(r.due_at, 'infinity'), r.lease is not null, r.claims::integer, r.suspend_requested,
         r.finished_at, (select max(s.started_at) from ratchet.sweeps s), ratchet.clock()
  from ratchet.runs r where r.id = p_id;
  if not found then
    raise exception using errcode = 'WF404', message = 'There is no run with this id.';
  end if;
end;
$$;
