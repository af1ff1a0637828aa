-- Sees to it that the newest version of a name, and no other, is scheduled if its document says so.
create or replace function ratchet.schedule_newest(p_namespace text, p_name text) returns void
language plpgsql as $$
declare
  v_newest uuid;
begin
  perform pg_advisory_xact_lock(7245389, hashtext(p_namespace || '/' || p_name));
  select w.id into v_newest from ratchet.workflows w where w.namespace = p_namespace and w.name = p_name order by w.id desc limit 1;
  with older as (
    delete from ratchet.schedules s
    where s.namespace = p_namespace and s.name = p_name and s.workflow_id is distinct from v_newest
    returning s.workflow_id
  ), _deaf as (
    delete from ratchet.subscriptions u using older o where u.run_id = o.workflow_id
  )
  delete from ratchet.inbox i using older o where i.run_id = o.workflow_id;
  insert into ratchet.schedules (workflow_id, namespace, name, next_at)
  select w.id, w.namespace, w.name, ratchet.clock() from ratchet.workflows w
  where w.id = v_newest and w.definition -> 'schedule' is not null
  on conflict (workflow_id) do nothing;
end;
$$;
