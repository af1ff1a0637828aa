-- Workflows that start by themselves: the newest version of a name, if its document has a schedule.

create table ratchet.schedules (
  workflow_id  uuid primary key,
  namespace    text not null,
  name         text not null,
  -- every move counts on: of two sweeps that make the same one, the second comes too late
  turn         integer not null default 0,
  next_at      timestamptz not null,
  tick_at      timestamptz,
  kept         json,
  constraint a_name_has_one_schedule unique (namespace, name)
);
comment on column ratchet.schedules.next_at is 'When a sweep has to look at it: its next start, or mail. At first: at once, to work out the rest.';
comment on column ratchet.schedules.tick_at is 'When it starts next by the clock; null for one that waits for events, or for the end of a run.';
comment on column ratchet.schedules.kept is 'What has come so far of the events it waits for; its subscriptions and its inbox go by its workflow_id.';
-- read by due_schedules
create index schedules_due on ratchet.schedules (next_at);
