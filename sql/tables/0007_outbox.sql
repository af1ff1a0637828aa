-- Emitted events on their way to webhook sinks: one row for each event and sink, until the sink has it.

create table ratchet.outbox (
  event       bigint not null,
  sink        text not null,
  due_at      timestamptz not null,
  attempts    integer not null default 0,
  give_up_at  timestamptz not null,
  constraint an_event_goes_once_to_a_sink primary key (event, sink),
  constraint attempts_are_counted check (attempts >= 0)
);
comment on column ratchet.outbox.event is 'The number of a cloud event: it is kept for as long as a sink waits for it.';
comment on column ratchet.outbox.sink is 'The name of a configured URL, a hash of it: URLs of webhooks are secrets.';
comment on column ratchet.outbox.due_at is 'When it is tried next; while it is being tried, when whoever does counts as dead.';
-- read by claim_outbox
create index outbox_due on ratchet.outbox (sink, due_at);

-- They take more than they did. What is added has a default: the release before this one goes on calling them.
drop function if exists ratchet.deliver_events(text[], text[], text[], text[]);
drop function if exists ratchet.delete_old_events(integer, integer);
drop function if exists ratchet.commit_with_mail(
  uuid, integer, uuid[], bigint[], integer[], text[], text[], boolean[], timestamptz[], text[], text[], text[], integer[],
  uuid[], text[], integer[], integer[], text[], text[], text[], timestamptz[], timestamptz[],
  json, text[], uuid[], text[], text[], text[], text[], integer
);
