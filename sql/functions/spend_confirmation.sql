-- Whether this confirm token was still good: true for exactly one of all who ever ask.
create or replace function ratchet.spend_confirmation(p_id text, p_expires_at timestamptz) returns boolean
language sql as $$
  with spent as (
    insert into ratchet.spent_confirmations (id, expires_at) values (p_id, p_expires_at)
    on conflict (id) do nothing
    returning id
  )
  select exists (select from spent);
$$;
