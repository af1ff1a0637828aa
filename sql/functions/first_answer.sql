-- What a request with this Idempotency-Key was answered before, null for the first: WF408 while another holds the key, WF422 for another body.
create or replace function ratchet.first_answer(p_key_hash bytea, p_request_hash bytea) returns ratchet.idempotency_keys
language plpgsql as $$
declare
  v_key ratchet.idempotency_keys;
begin
  if p_key_hash is null then
    return null;
  end if;
  if not pg_try_advisory_xact_lock(hashtextextended(encode(p_key_hash, 'hex'), 0)) then
    raise exception using errcode = 'WF408', message = 'A request with this Idempotency-Key is still being worked on.';
  end if;
  select * into v_key from ratchet.idempotency_keys k where k.key_hash = p_key_hash;
  if v_key.request_hash <> p_request_hash then
    raise exception using errcode = 'WF422', message = 'This Idempotency-Key was used with another request body.';
  end if;
  return v_key;
end;
$$;
