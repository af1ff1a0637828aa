-- Texts that are found again by meaning and by words: what /db/documents takes, and what steps remember and recall.

create table ratchet.memories (
  collection  text not null,
  key         text not null,
  text        text not null,
  metadata    jsonb not null,
  embedding   vector(1536),
  model       text,
  words       tsvector not null generated always as (to_tsvector('pg_catalog.english', text)) stored,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  constraint a_key_names_one_memory primary key (collection, key),
  constraint metadata_is_an_object check (jsonb_typeof(metadata) = 'object'),
  constraint an_embedding_names_its_model check ((embedding is null) = (model is null))
);
-- Kept in the row: out of it, the planner would not see what reading them costs, and read all instead of the index.
alter table ratchet.memories alter column embedding set storage plain;
comment on table ratchet.memories is
  'The contract calls them documents; here that word belongs to the documents that runs are pinned to.';
comment on column ratchet.memories.embedding is
  'Filled up with zeros where the model gives fewer numbers: distances by angle, length and product stay what they were.';
comment on column ratchet.memories.model is 'Whose embedding it is: those of two models cannot be compared.';
comment on column ratchet.memories.words is
  'Stemmed as English; words of other languages are cut the same way in text and query, so that they still meet.';
-- read by recall: nearest by angle
create index memories_by_meaning on ratchet.memories using hnsw (embedding vector_cosine_ops);
-- read by recall: those that share a word with the query
create index memories_by_words on ratchet.memories using gin (words);
-- read by recall, with a filter
create index memories_by_metadata on ratchet.memories using gin (metadata jsonb_path_ops);
-- read by list_memories
create index memories_by_age on ratchet.memories (collection, created_at desc, key desc);
