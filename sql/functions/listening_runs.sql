-- The runs that listen to any of these event types, or to all.
create or replace function ratchet.listening_runs(p_types text[]) returns uuid[]
language sql stable as $$
  select coalesce(array_agg(distinct s.run_id), '{}') from ratchet.subscriptions s
  where s.type = any (p_types) or (s.type is null and cardinality(p_types) > 0);
$$;
