-- A UUIDv7 (RFC 9562, section 5.7) of this moment: 48 bits of milliseconds, then random bits. Sorts by age.
create or replace function ratchet.new_id() returns uuid
language sql volatile as $$
  -- a random v4 already has the variant; setting bits 52 and 53 turns version 0100 into 0111
  select encode(set_bit(set_bit(
    overlay(uuid_send(gen_random_uuid())
      placing substring(int8send(floor(extract(epoch from ratchet.clock()) * 1000)::bigint) from 3)
      from 1 for 6),
    52, 1), 53, 1), 'hex')::uuid;
$$;
