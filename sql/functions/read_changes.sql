-- What each of these runs did after its cursor, for the runs that did anything; at most p_limit rows of the journal a run, oldest first.
create or replace function ratchet.read_changes(p_runs uuid[], p_afters bigint[], p_limit integer)
returns table (run ratchet.run_details, commits json)
language sql stable as $$
  select d, (
    select json_agg(json_build_object('first', h.first_seq, 'at', h.created_at, 'events', h.events) order by h.seq)
    from (
      select * from ratchet.journal h
      where h.run_id = d.id and h.seq > watched.after
      order by h.seq
      limit p_limit
    ) h
  )
  from unnest(p_runs, p_afters) as watched (run_id, after)
  join ratchet.run_details d on d.id = watched.run_id and d.seq > watched.after;
$$;
