-- A few visits to begin with.
insert into atlas.visits (place_id, day, state, stars, note)
select p.place_id, v.day::date, v.state::atlas.visit_state, v.stars, v.note
from (values
  ('Atlantic/Reykjavik', '2025-06-20', 'done', 5, 'It never got dark.'),
  ('Arctic/Longyearbyen', '2025-06-24', 'done', 4, 'Reindeer on the main street.'),
  ('Europe/Lisbon', '2025-09-02', 'done', 4, ''),
  ('Africa/Nairobi', '2025-09-15', 'cancelled', null, 'Missed the connection.'),
  ('Asia/Kathmandu', '2025-11-01', 'done', 5, 'Clocks here run a quarter of an hour beside the others.'),
  ('America/Argentina/Ushuaia', '2026-01-10', 'done', 3, 'Windy.'),
  ('Pacific/Apia', '2026-03-30', 'planned', null, 'First to see the day.'),
  ('Australia/Lord_Howe', '2026-04-04', 'planned', null, 'Summer time moves by half an hour.')
) as v (zone, day, state, stars, note)
join atlas.places p on p.zone = v.zone;
analyze atlas.countries, atlas.places, atlas.visits;
