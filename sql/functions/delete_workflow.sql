-- Deletes one version of a workflow; live runs forbid it (WF409) unless they are to be cancelled. Runs stay readable.
create or replace function ratchet.delete_workflow(p_id uuid, p_cascade boolean) returns void
language plpgsql as $$
declare
  v_live uuid[];
  v_id uuid;
  v_namespace text;
  v_name text;
begin
  perform 1 from ratchet.workflows where id = p_id for update;  -- start_run takes a share lock: no run slips in
  if not found then
    raise exception using errcode = 'WF404', message = 'There is no workflow with this id.';
  end if;
  select coalesce(array_agg(l.id), '{}') into v_live from (
    select r.id from ratchet.runs r
    where r.workflow_id = p_id and r.status not in ('completed', 'failed', 'cancelled')
    order by r.id
    for update  -- a run that ends while we wait for it is not live any more
  ) l;
  if cardinality(v_live) > 0 and not p_cascade then
    raise exception using errcode = 'WF409', message = format(
      'This workflow has live runs (%s); cancel them, or delete with ?cascade=cancel.', cardinality(v_live));
  end if;
  foreach v_id in array v_live loop  -- one by one: a child may end with its parent
    perform ratchet.cancel_run(r.id) from ratchet.runs r where r.id = v_id and r.status not in ('completed', 'failed', 'cancelled');
  end loop;
  delete from ratchet.workflows w where w.id = p_id returning w.namespace, w.name into strict v_namespace, v_name;
  perform ratchet.schedule_newest(v_namespace, v_name);
end;
$$;
