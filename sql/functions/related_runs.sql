-- These runs, the parents that wait for them, and all live descendants that end with them.
create or replace function ratchet.related_runs(p_ids uuid[]) returns uuid[]
language sql stable as $$
  with recursive below as (
    select unnest(p_ids) as id
    union
    select c.id from below b join ratchet.runs c on c.parent_id = b.id
    where c.awaited and c.status not in ('completed', 'failed', 'cancelled')
  )
  select array(select b.id from below b union
               select r.parent_id from ratchet.runs r where r.id = any (p_ids) and r.awaited);
$$;
