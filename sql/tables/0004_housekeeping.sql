-- What keeps the house in order: answers given under an Idempotency-Key, and a record of every sweep.

create table ratchet.idempotency_keys (
  key_hash      bytea primary key,
  request_hash  bytea not null,
  answer_id     uuid not null,
  created_at    timestamptz not null
);
comment on column ratchet.idempotency_keys.answer_id is 'The run that was started, or the workflow that was published.';
-- read by delete_old_runs: keys are kept for a day
create index idempotency_keys_by_age on ratchet.idempotency_keys (created_at);

create table ratchet.sweeps (
  id          uuid primary key,
  started_at  timestamptz not null,
  ms          integer not null,
  claimed     integer not null,
  effects     integer not null,
  commits     integer not null,
  ended       text not null,
  constraint end_is_known check (ended in ('drained', 'deadline', 'error'))
);
comment on column ratchet.sweeps.ended is 'drained: nothing was due any more; deadline: work was left.';
