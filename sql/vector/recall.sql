-- The memories of a collection that are nearest to the query, best first: by words, and by meaning if there is an
-- embedding, the two rankings fused (reciprocal ranks, k = 60). A filter is metadata that they must contain.
create or replace function ratchet.recall(
  p_collection text, p_query text, p_embedding text, p_model text, p_filter text, p_limit integer
) returns table (
  key text, text text, metadata jsonb, created_at timestamptz, updated_at timestamptz, score double precision
)
-- a generic plan takes every collection for a small one: it would sort all of a large one instead of using the index
language plpgsql volatile set search_path from current set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
declare
  v_candidates constant integer := 100;  -- as many as hnsw.ef_search below finds
  v_embedding constant vector := p_embedding::vector;
  v_filter constant jsonb := p_filter::jsonb;
  -- any of the words is enough: a question holds many that its answer does not
  v_words constant tsquery := (
    select string_agg(quote_literal(w.lexeme), ' | ')::tsquery
    from unnest(to_tsvector('pg_catalog.english', p_query)) w
  );
begin
  -- not set_config(): a hardened server does not let everybody call that one
  set local hnsw.ef_search = 100;
  if (select string_to_array(extversion, '.')::integer[] >= '{0,8}' from pg_extension where extname = 'vector') then
    -- what a filter takes away from the index's first candidates is made up for by more of them
    set local hnsw.iterative_scan = 'strict_order';
  end if;
  return query
  with meant as (
    select m.key, m.embedding <=> v_embedding as distance
    from ratchet.memories m
    where m.collection = p_collection and m.model = p_model and (v_filter is null or m.metadata @> v_filter)
    order by m.embedding <=> v_embedding
    limit case when v_embedding is null then 0 else v_candidates end
  ), said as (
    select m.key, ts_rank(m.words, v_words, 1) as rank
    from ratchet.memories m
    where m.collection = p_collection and m.words @@ v_words and (v_filter is null or m.metadata @> v_filter)
    order by rank desc, m.key
    limit v_candidates
  ), ranked as (
    select meant.key, row_number() over (order by distance, meant.key) as place from meant
    union all
    select said.key, row_number() over (order by rank desc, said.key) from said
  ), fused as (
    select ranked.key, sum(1.0 / (60 + place))::double precision as score from ranked group by ranked.key
  )
  select m.key, m.text, m.metadata, m.created_at, m.updated_at, fused.score
  from fused join ratchet.memories m on m.collection = p_collection and m.key = fused.key
  order by fused.score desc, m.key
  limit p_limit;
end;
$$;
