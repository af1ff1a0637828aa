-- What the end of these runs means to others: a waiting parent is told, awaited children are cancelled, nothing is listened to any more.
-- Answers the parents it woke. The caller has locked the rows of all of them.
create or replace function ratchet.end_runs(p_ids uuid[]) returns uuid[]
language plpgsql as $$
declare
  v_told uuid[];
begin
  delete from ratchet.subscriptions s where s.run_id = any (p_ids);
  delete from ratchet.inbox i where i.run_id = any (p_ids);
  perform ratchet.cancel_children(p_ids, null);
  with told as (
    insert into ratchet.inbox (run_id, payload)
    select r.parent_id, case r.status
      when 'completed' then json_build_object('effect', r.parent_effect, 'output', p.result)
      when 'failed' then json_build_object('effect', r.parent_effect, 'error', p.error)
      else json_build_object('effect', r.parent_effect, 'cancelled', true) end
    from ratchet.runs r
    join ratchet.run_payloads p on p.run_id = r.id
    join ratchet.runs parent on parent.id = r.parent_id and parent.status not in ('completed', 'failed', 'cancelled')
    where r.id = any (p_ids) and r.awaited
    order by r.finished_at
    returning run_id
  )
  select coalesce(array_agg(distinct t.run_id), '{}') into v_told from told t;
  perform ratchet.wake_runs(v_told);
  return v_told;
end;
$$;
