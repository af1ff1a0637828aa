-- What happened: steps (one per finished effect attempt) and events (numbered without a gap per run). Both became views with 0012.

create table ratchet.steps (
  run_id       uuid not null,
  reference    text not null,
  visit        integer not null,
  attempt      integer not null,
  seq          bigint not null,
  function     text not null,
  status       text not null,
  output       json,
  error        json,
  started_at   timestamptz not null,
  finished_at  timestamptz not null,
  -- the promise in one line: no effect attempt is ever committed twice
  constraint a_step_is_committed_once primary key (run_id, reference, visit, attempt),
  constraint step_status_is_known check (status in ('completed', 'failed')),
  constraint only_failed_has_an_error check ((error is not null) = (status = 'failed'))
);

create table ratchet.history (
  run_id      uuid not null,
  seq         bigint not null,
  first_seq   bigint not null,
  events      json not null,
  created_at  timestamptz not null,
  constraint a_seq_is_given_once primary key (run_id, seq),
  constraint events_fill_their_seqs check (json_array_length(events) = seq - first_seq + 1)
);
comment on table ratchet.history is
  'One row per commit, not per event: seq is the last event''s number. A row per event would double the WAL of a step.';

create view ratchet.events as
select h.run_id, h.first_seq + e.position - 1 as seq, e.event ->> 'type' as type,
       coalesce(e.event -> 'data', '{}') as data, h.created_at
from ratchet.history h
cross join lateral json_array_elements(h.events) with ordinality as e (event, position);
