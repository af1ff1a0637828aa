-- Large values of a run's state, each written once: the state itself, which is written at every commit, names their numbers.
create table ratchet.kept_values (
  run_id  uuid not null,
  number  integer not null,
  value   json not null,
  constraint a_value_is_kept_once primary key (run_id, number)
);
