-- The sample database of `make dev`: places of the world with their time zones, and a diary of visits to write in.
-- Data: iso3166.tab and zone.tab of the IANA time zone database, public domain (beside this file).
create schema atlas;

create table atlas.countries (
  code  char(2) primary key,
  name  text not null constraint country_names_are_unique unique
);
comment on table atlas.countries is 'Countries and territories, after ISO 3166.';
comment on column atlas.countries.code is 'The two letters of ISO 3166-1.';

create table atlas.places (
  place_id   integer generated always as identity primary key,
  country    char(2) not null constraint places_lie_in_a_country references atlas.countries,
  zone       text not null constraint each_place_has_a_zone_of_its_own unique,
  name       text not null,
  region     text not null,
  latitude   numeric(6, 3) not null constraint latitudes_are_degrees check (latitude between -90 and 90),
  longitude  numeric(6, 3) not null constraint longitudes_are_degrees check (longitude between -180 and 180)
);
create index places_by_country on atlas.places (country);
comment on table atlas.places is 'One principal place for each time zone of each country.';
comment on column atlas.places.zone is 'The time zone''s name, such as Europe/Berlin: now() at time zone zone is its clock.';
comment on column atlas.places.region is 'The continent or ocean.';
comment on column atlas.places.latitude is 'Degrees, north of the equator positive.';
comment on column atlas.places.longitude is 'Degrees, east of Greenwich positive.';

create type atlas.visit_state as enum ('planned', 'done', 'cancelled');

create table atlas.visits (
  visit_id    integer generated always as identity primary key,
  place_id    integer not null constraint visits_go_to_a_place references atlas.places on delete cascade,
  day         date not null,
  state       atlas.visit_state not null default 'planned',
  stars       smallint constraint stars_are_1_to_5 check (stars between 1 and 5),
  note        text not null default '',
  changed_at  timestamptz not null default now(),
  constraint only_done_visits_have_stars check (stars is null or state = 'done'),
  constraint one_visit_a_day_to_a_place unique (place_id, day)
);
comment on table atlas.visits is 'A diary of visits, made up: yours to change.';
comment on column atlas.visits.state is 'planned, done or cancelled.';

create function atlas.stamp_visit() returns trigger language plpgsql as $$
begin
  new.changed_at := now();
  return new;
end $$;
create trigger a_changed_visit_is_stamped before update on atlas.visits
  for each row execute function atlas.stamp_visit();

create view atlas.countries_by_places as
  select c.code, c.name, count(*) as places, min(p.latitude) as southernmost, max(p.latitude) as northernmost
  from atlas.countries c join atlas.places p on p.country = c.code
  group by c.code, c.name;
comment on view atlas.countries_by_places is 'How many places, and so time zones, each country has.';
