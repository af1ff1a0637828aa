-- Who listens for a type of events may want those of some sources only: the others do not wake it.

alter table ratchet.subscriptions add column sources text[];
comment on column ratchet.subscriptions.sources is 'Null: every source.';
