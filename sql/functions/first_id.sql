-- The least id that new_id could make at this moment: ids from it on are not older.
create or replace function ratchet.first_id(p_at timestamptz) returns uuid
language sql stable as $$
  select encode(
    substring(int8send(floor(extract(epoch from p_at) * 1000)::bigint) from 3) || '\x70008000000000000000'::bytea,
    'hex')::uuid;
$$;
