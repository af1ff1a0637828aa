-- Records that this caller is about to run a statement, unless it has already begun p_quota of them within p_seconds.
-- Answers the record's id, or null; the time; what is left of the quota, and the seconds until there is more of it.
create or replace function ratchet.begin_query(
  p_caller text, p_origin text, p_statement text, p_quota integer, p_seconds integer
) returns table (id uuid, now timestamptz, remaining integer, wait_seconds integer)
language plpgsql as $$
declare
  v_begun timestamptz[] := '{}';
begin
  now := ratchet.clock();
  if p_quota is not null then
    -- two at once must not both be the last; a lock of the transaction, so that poolers do not matter
    perform pg_advisory_xact_lock(hashtextextended('ratchet.begin_query ' || p_caller, 0));
    select coalesce(array_agg(recent.created_at), '{}') into v_begun from (
      select q.created_at from ratchet.queries q
      where q.caller = p_caller and q.id >= ratchet.first_id(begin_query.now - make_interval(secs => p_seconds))
      order by q.id desc
      limit p_quota
    ) recent;
    remaining := p_quota - cardinality(v_begun);
    wait_seconds := case when cardinality(v_begun) > 0 then
      greatest(1, ceil(extract(epoch from v_begun[cardinality(v_begun)] - begin_query.now) + p_seconds)::integer) else p_seconds end;
  end if;
  if p_quota is null or remaining > 0 then
    id := ratchet.new_id();
    remaining := remaining - 1;
    insert into ratchet.queries (id, created_at, caller, origin, verdict, statement)
    values (begin_query.id, begin_query.now, p_caller, p_origin, 'started', left(p_statement, 4000));
  end if;
  return next;
end;
$$;
