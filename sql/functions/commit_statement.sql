-- commit_with_mail for a step whose statement runs in the very same transaction: both count, or neither does. Raises WF409 unless every run is still held.
-- Each run has mail, even if there is nothing in it. The login of the database tool may call this and needs no other right here: only who holds a run knows its lease.
create or replace function ratchet.commit_statement(
  p_lease uuid, p_lease_seconds integer, p_entries json,
  p_mail json, p_inputs text[], p_senders uuid[], p_sources text[], p_ids text[], p_types text[], p_sent text[],
  p_event_days integer, p_sinks text[]
) returns table (run_id uuid, held boolean, seq bigint, suspend_requested boolean, lease_left float8, now timestamptz, mail boolean, woken uuid[])
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  -- commit_batch says `held` of an entry that it has already written, too: with another statement it must not count again.
  if json_array_length(ratchet.lock_for_mail(p_lease, p_entries, p_mail, p_types)) < json_array_length(p_entries) then
    raise exception using errcode = 'WF409', message = 'Another sweep has claimed this run, or it has ended.';
  end if;
  return query
  select * from ratchet.commit_with_mail(
    p_lease, p_lease_seconds, p_entries,
    p_mail, p_inputs, p_senders, p_sources, p_ids, p_types, p_sent, p_event_days, p_sinks);
end;
$$;
revoke all on function ratchet.commit_statement from public;
