-- One row says where a run stands, and a commit updates nothing else: its state, its seq, and what happened last.
-- What a commit leaves as it is costs no log: Postgres leaves out the beginning and the end that the row before it on the
-- same page has in common with it. So what is written once comes first, then what moves, then what happened, newest first.

-- All at once, and in this order: who reads holds the views and history before it waits for runs, and would wait in a circle with us.
lock table ratchet.run_details, ratchet.runs, ratchet.history, ratchet.steps, ratchet.run_states, ratchet.run_payloads
  in access exclusive mode;

alter table ratchet.runs rename column seq to sealed_seq;
alter table ratchet.runs alter column sealed_seq set default 0;
alter table ratchet.runs
  -- the state is both, the first written only when it changes; null: all of it stands in `state`
  add column state_base json,
  add column state json,
  add column unsealed integer not null default 0,
  add column recent text not null default '',
  add constraint unsealed_is_counted check (unsealed >= 0) not valid;
comment on column ratchet.runs.sealed_seq is 'The seq of the last event in chapters; the run stands at sealed_seq + unsealed.';
comment on column ratchet.runs.recent is
  'The commits after sealed_seq, the newest first, with commas between them: [first seq, microseconds since created_at, part, …]. '
  'Parts are events: [type without prefix and version, data], [the same, [namespace, name, version] of the workflow], ["s", place, '
  'function] (task.started), ["c", place] (task.completed), or whole, as an object; and finished effect attempts: ["c" or "d", place, '
  'function, microseconds from created_at to its start, microseconds it took, output, error], "c" being an event, too. '
  'A place is a task reference, or [reference, visit, attempt] if one of these is not 1.';

-- run_states is read whole: only live and failed runs have one
-- runs is read whole: where most of them are live; 1.3 s for a hundred thousand states
update ratchet.runs r set state = s.state from ratchet.run_states s where s.run_id = r.id;
drop table ratchet.run_states;
-- Rows grow to four times what they begin with, and both versions of one have to find room on its page: at 10, 13, 15 and 20 a step
-- takes 582, 574, 619 and 626 bytes of log, at 13 a run takes 2 kB of table. What is compressed, or
-- stands elsewhere, is logged as a whole.
alter table ratchet.runs set (fillfactor = 13, toast_tuple_target = 4096);

-- runs takes no writes meanwhile: 0.3 s for a million of them
create index runs_due_or_leased on ratchet.runs (num_nulls(lease), due_at) where status in ('pending', 'running', 'waiting');
drop index ratchet.runs_due, ratchet.runs_leased;

alter table ratchet.run_payloads set (fillfactor = 50);  -- written twice: with the input, with the result

alter table ratchet.history rename to chapters;
alter table ratchet.chapters drop constraint events_fill_their_seqs;
alter table ratchet.chapters add constraint a_chapter_has_events check (seq >= first_seq) not valid;
comment on table ratchet.chapters is
  'What was recent once: some commits a row, as in runs.recent. A row of a release before holds one, as an array of whole events.';
comment on column ratchet.chapters.created_at is 'What the times in it count from: when the run was created. In rows of releases before: when it was committed.';
alter table ratchet.steps rename to steps_apart;
comment on table ratchet.steps_apart is
  'Finished effect attempts whose output or error is too long to be read with every event, and all of the releases before.';

-- read by read_changes, list_events, list_steps: all that happened, a few commits a row
create view ratchet.journal as
select c.run_id, c.seq, c.first_seq, c.events, c.created_at from ratchet.chapters c
union all
select r.id, r.sealed_seq + r.unsealed, r.sealed_seq + 1, ('[' || r.recent || ']')::json, r.created_at from ratchet.runs r
where r.recent <> '';

create or replace view ratchet.run_details as
select r.id, r.workflow_id, r.status, r.mode, p.input, p.result, p.error, r.sealed_seq + r.unsealed as seq,
       r.created_at, r.started_at, r.finished_at
from ratchet.runs r
join ratchet.run_payloads p on p.run_id = r.id;

-- For who looks with SQL, and for the release before: the parts of all commits, `p` being the members of one that is an array, `at`
-- its place, and what they tell: events by commit, events, and steps. Nothing is taken apart here but arrays: Postgres takes a member out of no
-- object that has a \u0000 in it.
create view ratchet.parts as
select j.run_id, c.first_seq, n.seq, j.created_at as began, c.after, t.position, m.p, l.at, case
    when m.p is null then t.part
    when m.p[1]::text = '"s"' then json_build_object('type', 'io.serverlessworkflow.task.started.v1', 'data',
      json_build_object('task', l.at[1], 'visit', l.at[2], 'attempt', l.at[3], 'function', m.p[3]))
    when m.p[1]::text = '"c"' then json_build_object('type', 'io.serverlessworkflow.task.completed.v1', 'data',
      json_build_object('task', l.at[1], 'visit', l.at[2], 'attempt', l.at[3]))
    when m.p[1]::text <> '"d"' then json_build_object('type', 'io.serverlessworkflow.' || (m.p[1] #>> '{}') || '.v1', 'data',
      case when json_typeof(m.p[2]) = 'array' then
        json_build_object('workflow', json_build_object('namespace', l.at[1], 'name', l.at[2], 'version', l.at[3])) else m.p[2] end)
  end as event
from ratchet.journal j
cross join lateral (
  select j.first_seq, 0::bigint as after, array(select json_array_elements(j.events)) as parts
  where (select json_typeof(e) from json_array_elements(j.events) e limit 1) = 'object'
  union all
  select l.p[1]::text::bigint, l.p[2]::text::bigint, l.p[3:]
  from json_array_elements(j.events) e
  cross join lateral (select array(select json_array_elements(e)) as p where json_typeof(e) = 'array') l
) c
cross join lateral (select c.first_seq - 1 + count(*) as seq from unnest(c.parts) t (part) where left(t.part::text, 4) <> '["d"') n
cross join lateral unnest(c.parts) with ordinality as t (part, position)
cross join lateral (select case when json_typeof(t.part) = 'array' then array(select json_array_elements(t.part)) end as p) m
cross join lateral (select case when json_typeof(m.p[2]) = 'array' then array(select json_array_elements(m.p[2]))
                                else array[m.p[2], '1', '1'] end as at) l;

create view ratchet.history as
select p.run_id, p.seq, p.first_seq, json_agg(p.event order by p.position) as events,
       p.began + p.after * interval '1 microsecond' as created_at
from ratchet.parts p
where p.event is not null
group by p.run_id, p.seq, p.first_seq, p.began, p.after;

create or replace view ratchet.events as
select h.run_id, h.first_seq + e.position - 1 as seq, e.event ->> 'type' as type,
       coalesce(e.event -> 'data', '{}') as data, h.created_at
from ratchet.history h
cross join lateral json_array_elements(h.events) with ordinality as e (event, position);

create view ratchet.steps as
select * from ratchet.steps_apart
union all
select p.run_id, p.at[1] #>> '{}', p.at[2]::text::integer, p.at[3]::text::integer,
       p.seq, p.p[3] #>> '{}', case when p.p[7] is null then 'completed' else 'failed' end, case when p.p[7] is null then p.p[6] end, p.p[7],
       p.began + p.p[4]::text::bigint * interval '1 microsecond',
       p.began + (p.p[4]::text::bigint + p.p[5]::text::bigint) * interval '1 microsecond'
from ratchet.parts p
where p.p[1]::text in ('"c"', '"d"') and p.p[6] is not null;
