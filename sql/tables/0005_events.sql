-- Events between runs and the world: what came, who listens, and each run's inbox. Parents and their children.

create table ratchet.cloud_events (
  source       text not null,
  id           text not null,
  number       bigint not null generated always as identity,
  type         text not null,
  event        json not null,
  received_at  timestamptz not null,
  consumed     boolean not null default false,
  constraint an_event_counts_once primary key (source, id),
  constraint a_number_names_one_event unique (number)
);
comment on column ratchet.cloud_events.consumed is
  'Some run has taken it: runs that begin to listen later are not offered it any more.';
-- read by offer_kept: what nobody has taken yet, of one type
create index cloud_events_kept on ratchet.cloud_events (type, received_at) where not consumed;
-- read by delete_old_events, and by offer_kept for listeners to every type
create index cloud_events_by_age on ratchet.cloud_events (received_at);

create table ratchet.subscriptions (
  run_id    uuid not null,
  listener  integer not null,
  type      text,
  -- null: every type
  constraint a_listener_subscribes_once unique nulls not distinct (run_id, listener, type)
);
-- read by listening_runs
create index subscriptions_by_type on ratchet.subscriptions (type, run_id);

create table ratchet.inbox (
  run_id   uuid not null,
  id       bigint not null generated always as identity,
  event    bigint,
  payload  json,
  constraint mail_is_numbered primary key (run_id, id),
  -- in this order, because delete_old_events asks who still has an event
  constraint an_event_is_delivered_once unique (event, run_id),
  constraint mail_is_an_event_or_an_outcome check ((event is null) <> (payload is null))
);
comment on table ratchet.inbox is
  'Written and read only by who holds the row lock of the run: what is committed here is never overlooked.';
comment on column ratchet.inbox.event is 'The number of a cloud event: one that a thousand runs listen to is kept once.';
comment on column ratchet.inbox.payload is 'What became of an effect that starts a child: {"effect"} and "output", "error", "refusal" or "cancelled".';

alter table ratchet.runs
  add column parent_id uuid,
  add column parent_effect integer,
  add column awaited boolean not null default false,
  add column depth smallint not null default 0,
  add constraint a_child_has_a_parent check ((parent_id is null) = (parent_effect is null) and (parent_id is null) = (depth = 0)),
  add constraint only_children_are_awaited check (not awaited or parent_id is not null);
comment on column ratchet.runs.awaited is 'The parent waits for this child: its end is told there, and it ends when the parent does.';
-- the promise in one line: no effect ever starts two children; read by claim_runs and end_children
create unique index an_effect_starts_one_child on ratchet.runs (parent_id, parent_effect) where parent_id is not null;

-- It answers more than it did: a function's columns cannot be changed in place.
drop function if exists ratchet.claim_runs(uuid, integer, integer, uuid[]);
