-- Whether another connection to this database holds the advisory lock of this key: with a key nobody else knows, two connections find out that they share a database.
create or replace function ratchet.is_key_held(p_key bigint) returns boolean
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select not pg_try_advisory_xact_lock(p_key);
$$;
revoke all on function ratchet.is_key_held from public;
