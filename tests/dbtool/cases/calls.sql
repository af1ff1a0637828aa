-- Each line calls a function that acts, each at another place of the grammar: all are refused as calls.
select noisy('a')
select app.noisy('a')
select treat('x' as touch)
select collation for ('x')
select setval('rentals_seq', 9)
select nextval('rentals_seq'::regclass)
select pg_catalog.touch('x')
select app.touch('x')
select "touch"('x')
select "app"."touch"('x')
select t from (select touch('x')) t(t)
select * from touch('x')
select * from touch('x') with ordinality
select * from rows from (touch('x'), lower('a'))
select * from lateral touch('x')
select * from films c, touch(c.name) limit 1
select 1 order by touch('x')
select 1 group by touch('x')
select 1 having touch('x') is null
select 1 limit length(touch('x'))
select 1 offset length(touch('x'))
select 1 fetch first (length(touch('x'))) rows only
select distinct on (touch('x')) 1
values (touch('x'))
select array[touch('x')]
select row(touch('x'))
select (touch('x'), 1) = ('a', 1)
select 'a' in (touch('x'))
select 'a' = any(array[touch('x')])
select touch('x') like 'a'
select 'a' like 'b' escape left(touch('x'),1)
select 'a' between touch('x') and 'b'
select touch('x') is null
select coalesce(null, touch('x'))
select nullif(touch('x'), 'a')
select greatest(touch('x'))
select case when touch('x') is null then 1 end
select case touch('x') when 'x' then 1 end
select extract(year from touch('x')::date)
select substring(touch('x') from 1)
select trim(touch('x'))
select position(touch('x') in 'a')
select overlay(touch('x') placing 'a' from 1)
select touch('x') collate "C"
select touch('x')::text
select cast(touch('x') as text)
select now() at time zone touch('UTC')
select interval '1 day' * length(touch('x'))
select (array[1,2])[length(touch('x'))]
select (array[1,2])[length(touch('x')):2]
select sum(1) filter (where touch('x') is null)
select sum(length(touch('x')))
select string_agg('a', touch('x'))
select array_agg(1 order by touch('x'))
select percentile_cont(0.5) within group (order by length(touch('x')))
select percentile_cont(length(touch('x'))/2.0) within group (order by 1)
select sum(1) over (partition by touch('x'))
select sum(1) over (order by touch('x'))
select sum(1) over (order by 1 rows length(touch('x')) preceding)
select sum(1) over w from films window w as (order by touch('x'))
select sum(1) over (w rows length(touch('x')) preceding) from films window w as (order by id)
select grouping(touch('x')) group by rollup (touch('x'))
select 1 group by grouping sets ((touch('x')))
select * from films tablesample bernoulli (length(touch('x')))
select * from films tablesample bernoulli (1) repeatable (length(touch('x')))
select * from films a join films b on touch('x') is null
select json_object('a' : touch('x'))
select json_object(touch('x') : 1)
select json_array(touch('x'))
select json_array(select touch('x'))
select json_arrayagg(touch('x'))
select json_objectagg('a' : touch('x'))
select json_scalar(touch('x'))
select json_value('{}', '$.a' default touch('x') on empty)
select json_value('{}', '$.a' passing touch('x') as q)
select json_query(touch('{}')::jsonb, '$')
select json_exists('{}', '$.a' passing touch('x') as q)
select * from json_table('{}'::jsonb, '$' passing touch('x') as q columns (a text path '$.a'))
select * from json_table(touch('{}')::jsonb, '$' columns (a text path '$.a'))
select * from json_table('{}'::jsonb, '$' columns (a text path '$.a' default touch('x') on empty))
select touch('x') is json
select exists (select touch('x'))
select (select touch('x'))
select array(select touch('x'))
select 1 where exists (select 1 where touch('x') is null)
with a as (select touch('x')) select * from a
with a as materialized (select touch('x')) select 1
with recursive a(n) as (select 1 union all select n+1 from a where n < 2 and touch('x') is not null) select * from a
select 1 union select length(touch('x'))
(select 1) union (select length(touch('x'))) order by 1
update films set name = touch('x') where id = 1
update films set (name, country) = (select touch('x'), 'b') where id = 1
update films set (name, country) = row(touch('x'), 'b') where id = 1
update films set tags[length(touch('x'))] = 'a' where id = 1
update films set name = 'a' from (select touch('x')) q where id = 1
update films set name = 'a' where id = 1 and touch('x') is not null
update films set name = 'a' where id = 1 returning touch('x')
delete from rentals where id = 1 and touch('x') is not null
delete from rentals using lower(touch('x')) q where id = 1
delete from rentals where id = 1 returning touch('x')
insert into rentals (subject, body) values (touch('x'), 'b')
insert into rentals (subject, body) select touch('x'), 'b'
insert into rentals (id, subject, body) values (1, 'a', 'b') on conflict (id) do update set body = touch('x')
insert into rentals (id, subject, body) values (1, 'a', 'b') on conflict (id) do update set body = 'a' where touch('x') is not null
insert into rentals (subject, body) values ('a', 'b') returning touch('x')
merge into rentals t using (select touch('x') as a) s on t.subject = s.a when matched then do nothing
merge into rentals t using rentals s on t.id = s.id when matched and touch('x') is not null then do nothing
merge into rentals t using rentals s on t.id = s.id when matched then update set subject = touch('x')
merge into rentals t using rentals s on t.id = s.id + 1000 when not matched then insert (subject, body) values (touch('x'), 'b')
merge into rentals t using rentals s on t.id = s.id and touch('x') is not null when matched then do nothing
select größe('x')
select ｔouch('x')
insert into films (names[length(touch('x'))]) values ('a')
select substring('a' similar touch('x') escape '#')
select substring('a' similar '%' escape touch('#'))
select json_object(touch('x'))
select json_object('a' value touch('x') absent on null)
select * from json_table('[1]', '$' passing touch('x') as p columns (a int))
select * from json_table('[1]', '$' columns (a int path '$' default touch('x') on empty))
select * from json_table('[1]', '$' columns (nested path '$' columns (a int default touch('x') on error)))
select * from json_table(touch('x'), '$' columns (a int exists path '$'))
