-- A run's recent commits with one more, that came so long after the run was created; if they have grown long, they are a
-- chapter now, and the new one stands alone. Of its parts p_count are events: one without events has no seq and tells nothing here.
create or replace function ratchet.add_commit(
  p_sealed_seq bigint, p_unsealed integer, p_recent text, p_count integer, p_after interval, p_parts text
) returns table (sealed_seq bigint, unsealed integer, recent text)
language sql immutable as $$
  select case when s.full then p_sealed_seq + p_unsealed else p_sealed_seq end,
         case when s.full then p_count else p_unsealed + p_count end,
         case when p_count = 0 then p_recent
              else concat_ws(',', '[' || (p_sealed_seq + p_unsealed + 1) || ',' || (extract(epoch from p_after) * 1000000)::bigint || ',' || p_parts || ']',
                             case when not s.full then nullif(p_recent, '') end) end
  from (select octet_length(p_recent) > 1000 and p_count > 0 as full) s;
$$;
