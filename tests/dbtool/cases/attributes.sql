-- Each line calls a function that acts as if it were a column: all are refused for that.
select c.stamp from films c
select films.stamp from films
select app.films.stamp from app.films
select (c).stamp from films c
select (c.*).stamp from films c
select ((c)).stamp from films c
select ('x').touch
select ('x'::text).touch
select ('x' || 'y').touch
select (select 'x'::text).touch
select (array['x'])[1].touch
select x.touch from (select 'x'::text) x
select x.touch from (select 'x'::text as a) x
select x.touch from (values ('x'::text)) x
select x.touch from unnest(array['x']) x
select x.touch from unnest(array['x']) x(touch)
select x.touch from unnest(array['x']) x(y)
select x.touch from lower('X') x
select x.touch from lower('X') as x(y)
select touch.touch from lower('X') as touch(y)
select x.touch from string_to_table('a', ',') x
select j.touch from jsonb_array_elements_text('["a"]') j
select (j).touch from jsonb_array_elements_text('["a"]') j
select (j).value.touch from jsonb_array_elements_text('["a"]') j
select (j.value).touch from jsonb_array_elements_text('["a"]') j
select x.touch from (select name from films) x
with x as (select name from films) select x.stamp from x
with x as (select c from films c) select (x.c).stamp from x
with x as (select c from films c) select (c).stamp from x
with x(y) as (select 'a'::text as touch) select x.touch from x
with x as (select 'a'::text as touch) select y.touch from lower('a') y, x
select y.touch from lower('a') y, lateral (select 'x' as touch) x
select (select y.touch from (select 'x' as z) x) from lower('a') y
select (select y.touch from (select y.touch) x, (select 'x' as touch) y) from lower('a') y
select * from lower('a') y where y.touch is null
select * from lower('a') y order by y.touch
select * from lower('a') y group by y, y.touch
select count(*) filter (where y.touch = 'a') from lower('a') y
select sum(1) over (partition by y.touch) from lower('a') y
select * from lower('a') y join films c on y.touch is null
select * from lower('a') y join lateral (select y.touch) z on true
select * from lower('a') y, lower(y.touch) z
select * from (lower('a') y join films c on true) as j where j.touch is null
select j.stamp from (films c join rentals o using (id)) as j
select j.touch from (lower('a') y cross join lower('b') z) as j
select u.stamp from films c join rentals o using (id) as u
update films set name = films.stamp where id = 1
update films c set name = (c).stamp where id = 1
update films set name = (name).touch where id = 1
update films set name = 'x' where id = 1 returning films.stamp
update films set name = 'x' where films.stamp is null and id = 1
insert into films (name) values ('x') returning films.stamp
insert into films as c (id, name) values (1,'x') on conflict (id) do update set name = excluded.stamp
insert into films as c (id, name) values (1,'x') on conflict (id) do update set name = c.stamp
insert into films as c (id, name) values (1,'x') on conflict (id) do update set name = 'y' where c.stamp is null
merge into films c using lower('a') y on c.name = y when matched then update set name = y.touch
merge into films c using lower('a') y on c.name = y.touch when not matched then do nothing
delete from films c using lower('a') y where c.name = y.touch and c.id = 1
select c.*, (c.name).touch from films c
select (c.profile).touch from films c
select (c.tags)[1].touch from films c
select ((c.tags)[1]).touch from films c
select (row('x')).touch
select (row('x'::text)).f1.touch
select ((row('x'::text)).f1).touch
select (case when true then 'x'::text end).touch
select (coalesce('x', 'y')).touch
select ('x' collate "C").touch
select (lower('x')).touch
select (null::text).touch
select ('SELECT 1').purge
select (x).purge from lower('SELECT 1') x
select x.purge from lower('select 1') x
select * from films c, lateral (select c.stamp) z
select exists (select c.stamp) from films c
select array(select c.stamp) from films c
select (select c.stamp) from films c
select v.stamp from v_big_rentals v
select t.nextval from (select 'rentals_seq'::text) t
select t.nextval from lower('rentals_seq') t
select ('rentals_seq').nextval
select c.touch from films c where c.touch is null
select (select x.touch from lower('a') as x)
select q.touch from (select lower('a')) q
select q.lower.touch from (select lower('a')) q
select (q.lower).touch from (select lower('a')) q
select q.touch from (select * from lower('a') q) q
select q.touch from (select lower('a') union select 'b') q
select q.touch from (select 'a'::text union select 'b' as touch) q
with recursive q as (select 'a'::text as t union all select q.touch from q where false) select * from q
with recursive q(n) as (select 'a'::text union all select n from q where q.touch is null) select * from q
select g.touch from rows from (lower('a'), upper('b')) g
select g.touch from lower('a') with ordinality g
select g.touch from json_each_text('{"a":"b"}') g
select (g).touch from json_each_text('{"a":"b"}') g(touch, b)
select (g.key).touch from json_each_text('{"a":"b"}') g
select rentals.touch from rentals
select x.y.touch from (select c as y from films c) x
select (x.y).stamp from (select c as y from films c) x
select x.touch from ts_parse('default', 'a') x
select touch.touch from ts_debug('a') touch
select ('x').upper
select (5).abs
select ('{}'::jsonb).jsonb_typeof
select (current_date).date_part
select ((array['x'])[1]::text).length
select f.upper from films f
select x.lower from (select 'a' as y) x
select (1234).plpgsql_validator
select (1234).fmgr_sql_validator
select ('pg_authid').regclassin
select ('x'::text).noisy
select x.noisy from lower('x') x
select (f.title).noisy from films f
select ('rentals').regrole
select x.regprocedure from lower('now()') x
