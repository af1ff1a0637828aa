-- Runs: one narrow hot row each; inputs, results and, until 0012, states stand beside it.

create table ratchet.runs (
  id                 uuid primary key,
  -- No foreign keys here: a workflow may be deleted while its runs stay, documents are never deleted,
  -- and the check would lock one hot row for every start of a popular workflow.
  workflow_id        uuid not null,
  document           bytea not null,
  status             text not null,
  mode               text not null,
  seq                bigint not null,
  due_at             timestamptz not null,
  lease              uuid,
  claims             smallint not null default 0,
  grants             smallint not null default 0,
  suspend_requested  boolean not null default false,
  created_at         timestamptz not null,
  started_at         timestamptz,
  finished_at        timestamptz,
  constraint status_is_known check (status in
    ('pending', 'running', 'waiting', 'suspended', 'completed', 'failed', 'cancelled')),
  constraint mode_is_known check (mode in ('auto', 'manual')),
  constraint only_running_has_a_lease check (lease is null or status = 'running'),
  constraint only_finished_has_an_end check ((finished_at is not null) = (status in ('completed', 'failed', 'cancelled'))),
  constraint finished_and_suspended_are_never_due check
    (due_at = 'infinity' or status in ('pending', 'running', 'waiting')),
  constraint pending_has_not_started check (status <> 'pending' or started_at is null),
  constraint claims_are_counted check (claims >= 0),
  constraint grants_are_counted check (grants >= 0)
) with (fillfactor = 70);  -- room for HOT updates: 47 % of updates at 100, 69 % at 70

comment on column ratchet.runs.due_at is
  'The one clock column. pending: at once; waiting: the wake time; running: the end of its lease.';
comment on column ratchet.runs.claims is 'Claims since the last commit: a run that keeps killing its function is found by this.';
comment on column ratchet.runs.grants is 'Effects that a manual run was allowed and that have not finished.';

-- read by claim_runs, backlog: what is due, oldest first
create index runs_due on ratchet.runs (due_at) where status in ('pending', 'running', 'waiting');
-- read by list_runs (GET /workflows/{id}/runs, GET /runs?workflow_id=) and delete_workflow
create index runs_of_workflow on ratchet.runs (workflow_id, id desc);
-- read by delete_old_runs: written once, when a run ends
create index runs_finished on ratchet.runs (finished_at) where finished_at is not null;

create table ratchet.run_payloads (
  run_id  uuid primary key,
  -- json, not jsonb: kept to the letter (key order, big numbers, \u0000) and never searched
  input   json not null,
  result  json,
  error   json
);

create table ratchet.run_states (
  run_id  uuid primary key,
  state   json not null
) with (fillfactor = 50);  -- rewritten at every commit of a live run

create view ratchet.run_details as
select r.id, r.workflow_id, r.status, r.mode, p.input, p.result, p.error, r.seq,
       r.created_at, r.started_at, r.finished_at
from ratchet.runs r
join ratchet.run_payloads p on p.run_id = r.id;
