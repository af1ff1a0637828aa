-- Keeps these texts under their keys, in place of what stood there; answers for each whether its key is new, in order.
create or replace function ratchet.remember(
  p_collection text, p_keys text[], p_texts text[], p_metadata text[], p_embeddings text[], p_model text
) returns table (key text, created boolean)
language sql volatile set search_path from current as $$
  with given as (
    select g.key, g.text, g.metadata::jsonb as metadata, g.embedding::vector as embedding, g.place
    from unnest(p_keys, p_texts, p_metadata, p_embeddings) with ordinality g (key, text, metadata, embedding, place)
  ), kept as (
    insert into ratchet.memories as m (collection, key, text, metadata, embedding, model, created_at, updated_at)
    select p_collection, g.key, g.text, g.metadata, g.embedding, case when g.embedding is not null then p_model end,
      ratchet.clock(), ratchet.clock()
    from given g
    order by g.key  -- one order for all: two calls with the same keys do not lock each other out
    on conflict (collection, key) do update
      set text = excluded.text, metadata = excluded.metadata, embedding = excluded.embedding, model = excluded.model,
        updated_at = excluded.updated_at
    returning m.key, m.xmax = 0 as created  -- a new row version has no older one behind it
  )
  select k.key, k.created from kept k join given g on g.key = k.key order by g.place;
$$;
