-- The database tool's memory: every attempt to run a statement, and the confirm tokens that were used.

create table ratchet.queries (
  id          uuid primary key,
  created_at  timestamptz not null,
  caller      text,
  origin      text not null,
  kind        text,
  verdict     text not null,
  code        text,
  statement   text not null,
  rows        bigint,
  ms          integer,
  constraint kind_is_known check (kind in ('read', 'write')),
  constraint verdict_is_known check (verdict in ('started', 'ran', 'dry_run', 'refused', 'failed')),
  constraint only_an_ended_query_has_a_duration check ((verdict = 'started') = (ms is null)),
  constraint only_refusals_and_failures_have_a_code check ((verdict in ('refused', 'failed')) = (code is not null)),
  constraint only_what_was_executed_has_rows check (rows is null or verdict in ('ran', 'dry_run')),
  constraint statements_are_cut check (length(statement) <= 4000)
);
comment on column ratchet.queries.caller is 'A hash of the key that asked, empty where there are no keys; null for the step of a workflow, which no key asks for.';
comment on column ratchet.queries.origin is 'http, ask, or the step of a workflow: <run>:<reference>.';
comment on column ratchet.queries.verdict is
  'started: it is under way, or whoever ran it died before its end was known.';
comment on column ratchet.queries.statement is
  'As it was executed (canonical); if it never was, as it was sent. Never its parameters, never a row.';
-- read by begin_query (the quota: ids sort by age) and by list_queries
create index queries_by_caller on ratchet.queries (caller, id);

create table ratchet.spent_confirmations (
  id          text primary key,
  expires_at  timestamptz not null
);
comment on table ratchet.spent_confirmations is 'A confirm token is good for one write: it is here before that write begins.';
-- read by delete_old_queries
create index spent_confirmations_by_age on ratchet.spent_confirmations (expires_at);
