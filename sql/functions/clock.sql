-- The time; the only place it comes from. `set ratchet.now` moves it (tests own the clock).
create or replace function ratchet.clock() returns timestamptz
language sql stable as $$
  select coalesce(nullif(current_setting('ratchet.now', true), '')::timestamptz, clock_timestamp());
$$;
