-- What people, their ORMs and their BI tools send, by the parts of the language; on the bicycle rental of schema.sql.

-- read: joins: each form, with ON, USING and an alias for it
select r.rental_id, m.name, j.station_id from rentals r join members m using (member_id)
  left join (stations s join bikes b using (station_id) as j) on b.bike_id = r.bike_id order by 1 limit 5

-- read: joins: natural and full ones
select * from stations natural left join (select city, 'x' as mark from stations where station_id = 1) x full join (values (99)) v(n) on false order by station_id, n

-- read: joins: a lateral subquery, and functions of a column
select s.station_id, b.plate, l.label, l.place from stations s cross join lateral (
  select plate, labels from bikes where bikes.station_id = s.station_id order by price desc limit 1) b,
  unnest(b.labels) with ordinality l(label, place) order by 1, 4

-- read: from: ONLY with and without brackets, and samples
select (select count(*) from only (bikes)), (select count(*) from only bikes b), (select count(*) from bikes tablesample system (100) repeatable (7))

-- read: from: several functions side by side
select * from rows from (generate_series(1, 3), unnest(array['a', 'b'])) with ordinality as t(n, s, place)

-- read: from: the system's columns of a table
select tableoid = min(tableoid) over (), ctid, xmin is not null, xmax from stations order by station_id limit 2

-- read: groups: grouping sets of all kinds
select city, opens, count(*), grouping(city, opens) from stations group by grouping sets (rollup (city), cube (opens), ()) order by 4, 1, 2

-- read: groups: ordered sets, filters and distinct values
select percentile_cont(array[0.25, 0.5]) within group (order by fee), mode() within group (order by bike_id % 3),
  count(distinct bike_id) filter (where fee > 3), string_agg(distinct remark, '; ' order by remark desc) from rentals

-- read: groups: an element of a sorted array
select model, (array_agg(labels[1] order by price desc))[1], (array_agg(bike_id order by price))[1:2] from bikes group by model order by model

-- read: windows: every kind of frame
select rental_id, sum(fee) over w, avg(fee) over (w rows between 2 preceding and current row exclude ties),
  count(*) over (order by fee groups between 1 preceding and unbounded following),
  sum(fee) over (order by lower(during) range between interval '1 day' preceding and '1 day' following exclude current row)
from rentals window w as (partition by bike_id % 5 order by rental_id) order by rental_id limit 9

-- read: with: a recursive query with SEARCH and CYCLE
with recursive chain(id, host, depth) as (
  select member_id, invited_by, 1 from members where member_id = 20
  union all select m.member_id, m.invited_by, depth + 1 from members m join chain c on m.member_id = c.host
) search depth first by id, host set path cycle id set looped to 'yes' default 'no' using seen
select id, depth, looped from chain order by path

-- read: with: SEARCH by breadth before another query
with recursive n(i) as (select 1 union all select i * 2 from n where i < 9) search breadth first by i set place,
  m as materialized (select max(i) as most from n) select i, most from n, m order by place

-- read: sets: nested, sorted and cut
(select city from stations order by city limit 2) union all (select 'Oslo' except select 'Rome') order by 1 fetch first 2 rows with ties

-- read: json: JSON_TABLE with every clause of a column
select b.bike_id, j.* from bikes b, json_table(b.parts, '$' as root passing 3 as least columns (
  place for ordinality, bell boolean path '$.bell' default false on empty error on error, has_chain boolean exists path '$.chain',
  chain jsonb format json path '$.chain' without wrapper keep quotes null on empty,
  nested path '$.chain' columns (wear numeric(4, 1) path '$.wear' null on error)) error on error) as j order by 1, 2 limit 4

-- read: json: constructors in both spellings
select json_object('a': 1, 'b' value null absent on null), json_object('{a,1,b,2}'), json_object(array['k'], array['v']),
  json_array(1, null null on null), json_array(select bike_id from bikes where bike_id < 3 order by 1),
  json_objectagg(model: price returning jsonb) from bikes where bike_id < 3

-- read: json: paths, operators and subscripts
select parts['chain']['wear']::int + 1, parts -> 'chain' ->> 'wear', parts @? '$.chain ? (@.wear > 3)', json_value(parts, '$.chain.wear' returning int default 0 on empty),
  json_query(parts, '$.chain' with conditional wrapper), parts ? 'bell' from bikes order by bike_id limit 3

-- read: json: a row as the type of its table
select (json_populate_record(null::stations, '{"station_id": 1, "name": "x", "city": "Ghent"}')).city, x.slots from jsonb_populate_recordset(null::rental.stations, '[{"slots": 3}, {}]') x

-- read: text: substring, trim and overlay in every form
select substring('abcdef' from 2 for 3), substring('abcdef' for 2), substring('foobar' from 'o(.)b'), substring('foobar' similar '%#"o_b#"%' escape '#'),
  trim(both 'x' from 'xax'), trim(from ' a '), trim(leading from ' a'), overlay('abcd' placing 'xy' from 2 for 1), position('c' in 'abc')

-- read: text: patterns
select name from stations where name similar to 'Station (1|2)' or name ilike any (array['%3', '%4']) or name like 'x!%' escape '!' or name ^@ 'Station 5' order by 1

-- read: text: search with a named configuration
select manual_id, ts_rank(words, q), ts_headline('english'::regconfig, body, q) from manuals, websearch_to_tsquery(cast('english' as regconfig), 'brakes or chain') q
where to_tsvector('english'::regconfig, body) @@ q or words @@ q order by 1

-- read: text: how a text is parsed
select p.tokid, p.token, d.alias, d.lexemes from ts_parse('default', 'worn brakes') p join ts_debug('english', 'worn brakes') d on d.token = p.token order by 2

-- read: times: intervals in every form
select interval '1' day, interval '1-2' year to month, interval '10.123' second(1), interval(0) '1.6 seconds', interval '3 4:05' day to minute, -interval '1 day' * 2, make_interval(days => 3)

-- read: times: zones
select upper(during) at time zone 'Europe/Lisbon', upper(during) at local, timezone('UTC', lower(during)), (lower(during) at time zone 'UTC')::date from rentals order by rental_id limit 2

-- read: times: series, parts and bins
select d::date, extract(isodow from d), date_bin('7 days', d, '2025-01-01'), to_char(d, 'IYYY-"W"IW'), (d, d + interval '2 days') overlaps ('2025-03-02', '2025-03-03')
from generate_series(timestamp '2025-03-01', '2025-03-05', '1 day') as d

-- read: types: casts in every form, also of the server's own numbers
select '1'::int, cast('2' as smallint), float8 '3.5', int4('4'), 'free'::bike_state, cast('free' as rental.bike_state), '{1,2}'::int[], 5::oid, '7'::xid, '0/1F'::pg_lsn, b'101'::bit varying(2), 'x'::"char"

-- read: types: rows and their parts
select (s).city, (row(s.*)::stations).name, row(1, 'a') < row(1, 'b'), (1, null) is not distinct from (1, null) from stations s order by station_id limit 2

-- read: types: ranges and arrays
select during * tstzrange('2025-03-02', null), int4range(1, 5) - int4range(3, 9), range_agg(during) over (), labels[1], labels[:1], array[1, 2] || 3, 2 = any (array[1, 2])
from rentals join bikes using (bike_id) order by rental_id limit 2

-- read: types: vectors
select manual_id, 1 - (meaning <=> '[1,2,3]') as likeness, meaning <-> array[1, 2, 3]::vector, meaning <#> '[1,0,0]', vector_norm(meaning) from manuals order by meaning <=> '[1,2,3]', manual_id limit 2

-- read: types: what a value is and how large
select pg_typeof(price)::text, pg_size_pretty(123456::bigint), pg_column_size(model) > 0 from bikes order by bike_id limit 1

-- read: names: letters outside ASCII, with and without quotes
with größte as (select "Größe" as größe, "select" from "order") select g.größe as wert, g."select" as 名前 from größte g order by Größe desc

-- read: names: longer than the server keeps
select count(*) as the_number_of_all_bicycles_that_the_company_has_ever_owned_in_any_city, max(price) as "the highest price that was ever paid for one of them – in any currency" from bikes

-- read: names: of keywords, as columns and aliases
select t.value, t.key, t.date, t.row, t.sort, t.index as limit_, t.comment, at, cycle from (select 1 as value, 2 as key, 3 as date, 4 as row, 5 as sort, 6 as index, 7 as comment, 8 as at, 9 as cycle) t

-- read: names: upper and lower case, comments and semicolons
SELECT /* one /* two */ */ "B"."plate" AS "Plate", Count(*)Over() FROM "rental"."bikes" AS "B" -- three
WHERE("B"."state"='free')AND 1=1 ORDER BY 1 LIMIT 2 OFFSET 0;;  -- four

-- read: catalogs: the columns of the application's tables
select column_name, data_type, is_nullable from information_schema.columns where table_schema = any (current_schemas(false)) and table_name = 'bikes' and table_catalog = current_database() order by ordinal_position

-- read: catalogs: where one is
select current_schema, current_schema(), current_catalog = current_database(), version() like 'PostgreSQL %', current_user = session_user

-- read: subqueries: in every place
select (select max(fee) from rentals), array(select price from bikes order by 1 limit 2), exists (select from manuals where false),
  case when bike_id in (select bike_id from rentals) then 1 end from bikes where price > all (select 1) and (model, state) in (values ('Heron', 'free'::bike_state)) order by bike_id limit (select 2)

-- read: explain: a plan in several formats
explain (costs off, format json) select 1 from bikes where bike_id = 1

-- read: explain: a plan of a set
explain (verbose false, costs off) (select 1 union select 2)

-- write: insert: rows with defaults, and what became of them
insert into stations (name, city, slots) values ('North', 'Ghent', default), ('Süd', 'Porto', 3 + 4) returning station_id, name, slots, opens

-- write: insert: the upsert that tells whether a row is new
insert into members as m (member_id, name, email, joined) values (1, 'Anna', 'a@example.org', '2025-01-01'), (77, 'Ben', 'b@example.org', '2025-01-02')
on conflict (member_id) do update set (name, email) = (excluded.name, coalesce(excluded.email, m.email)) where m.name <> excluded.name returning member_id, xmax = 0 as is_new

-- write: insert: a column's parts
insert into bikes (bike_id, plate, model, bought, price, labels[1], labels[2], parts['bell']) values (90, 'ZZ900', 'Swift', '2025-01-01', 5, 'a', 'b', 'true') returning labels, parts

-- write: insert: a query within brackets, with its own WITH
insert into ledger (happened, what) (with x as (select s.name as label from rental.stations s) select timestamptz '2025-01-01', x.label from x)

-- write: insert: identity overridden
insert into manuals (manual_id, title, body) overriding system value values (50, 'Größe', 'x') returning words

-- write: insert: rows from a document
insert into "order" select * from jsonb_to_recordset('[{"select": 8, "from": "x"}, {"select": 9}]') as t("select" int, "from" text, "Größe" numeric, "with ""quotes""" boolean) on conflict do nothing

-- write: update: from another table, with an expression for each column
update bikes b set price = b.price * 1.1, labels = array_append(b.labels, s.city), parts['seen'] = 'true' from stations s where s.station_id = b.station_id and s.city = 'Ghent' returning b.bike_id, b.yearly_cost

-- write: update: the first rows of an order
update rentals set remark = 'first' where ctid in (select ctid from rentals order by rental_id limit 3) returning rental_id

-- write: update: by a list of values
update bikes set model = v.model from (values (1, 'Crane'), (2, 'Egret')) as v(id, model) where v.id = bikes.bike_id

-- write: update: as an ORM writes it
UPDATE "rental"."members" SET "plan" = CASE WHEN "members"."plan" = 'basic' THEN 'plus' ELSE "members"."plan" END WHERE ("rental"."members"."member_id" IN (1, 2, 3) AND 1=1) RETURNING "members"."member_id", "members"."plan"

-- write: delete: all but the newest of each kind
delete from rentals a using rentals b where a.bike_id = b.bike_id and a.rental_id < b.rental_id and a.bike_id in (3, 4) returning a.rental_id

-- write: delete: what a query in WITH has found
with idle as (select b.bike_id from bikes b where not exists (select from rentals r where r.bike_id = b.bike_id)) delete from bikes where bike_id in (select bike_id from idle) or plate = 'BK007'

-- write: merge: with every kind of action
merge into stations as t using (values ('Station 1', 3), ('Station 2', 0), ('East', 4)) as s(name, slots) on t.name = s.name
when matched and s.slots = 0 then do nothing when matched then update set slots = s.slots, closes = default
when not matched then insert (name, city, slots) values (s.name, 'Porto', s.slots) returning merge_action(), t.name, t.slots

-- write: several: rows that are moved and counted
with gone as (delete from manuals where title = 'Chains' returning title, body), noted as (insert into "order" ("select", "from") select 70, title || body from gone returning "from")
select count(*), (select count(*) from gone) as deleted from noted
