-- Statements that must not run, each with the code of its refusal, and near them those that must.

-- refused statement: a table goes
drop table rentals

-- refused statement: an anonymous block
do $$ begin delete from rentals; end $$

-- refused statement: a procedure
call purge(1)

-- refused statement: rows to a program
copy rentals to program 'cat'

-- refused statement: a setting
set statement_timeout = 0

-- refused statement: a setting shown
show data_directory

-- refused statement: end of the transaction
commit

-- refused statement: a channel
notify jobs, 'x'

-- refused statement: a table locked
lock table rentals

-- refused statement: every row without WHERE of its own
truncate rentals

-- refused statement: a prepared statement
prepare p as select 1

-- refused statement: a cursor
declare c cursor for select 1

-- refused statement: privileges
grant all on rentals to public

-- refused statement: a view over it
create view v as select 1

-- refused more_than_one_statement: two statements
select 1; select 2

-- refused select_into: a table made by SELECT
select * into copy_of_rentals from rentals

-- refused select_into: in the first half of a union
select 1 as a into x union select 2

-- refused row_lock: rows locked
select * from rentals where id = 1 for update

-- refused row_lock: rows locked for reading in a subquery
select (select id from rentals limit 1 for key share)

-- refused function: a file
select pg_read_file('/etc/passwd')

-- refused function: in FROM
select * from pg_ls_dir('.') as f

-- refused function: within ROWS FROM
select * from rows from (generate_series(1, 2), pg_ls_dir('.')) as f(a, b)

-- refused function: a sequence moves
insert into rentals (id) values (nextval('rentals_id_seq'))

-- refused function: a user's function
select add_fee(1)

-- refused function: a user's function under a built-in name
select "LOWER"('x')

-- refused function: a built-in name in another schema
select app.lower('x')

-- refused function: in ORDER BY of an aggregate
select array_agg(id order by pg_sleep(1)) from rentals

-- refused function: as a window's bound
select sum(id) over (order by id rows pg_backend_pid() preceding) from rentals

-- refused function: in the frame of a named window
select count(*) over w from rentals window w as (partition by pg_sleep(1))

-- refused function: in FILTER
select count(*) filter (where pg_sleep(1) is null) from rentals

-- refused function: as a limit
select 1 limit (select length(current_setting('x')))

-- refused function: in the sample's size
select * from rentals tablesample system (pg_sleep(1)::text::real)

-- refused function: another sampling method
select * from rentals tablesample touch (1)

-- refused function: in an array's index
select (array[1, 2])[length(pg_read_file('x'))]

-- refused function: in RETURNING
update rentals set fee = 1 where id = 1 returning touch(note)

-- refused function: in the update of an upsert
insert into rentals (id) values (1) on conflict (id) do update set note = pg_read_file('x')

-- refused function: in the condition of an upsert
insert into rentals (id) values (1) on conflict (id) do update set note = 'x' where touch('x') is null

-- refused function: in MERGE
merge into rentals r using films f on r.film_id = f.id when matched and touch('x') is null then delete

-- refused function: in a JSON constructor
select json_object('a' : pg_read_file('x'))

-- refused function: in the default of a JSON query
select json_value('{}', '$.a' default pg_read_file('x') on empty)

-- refused function: text that is run as SQL
select query_to_xml('select 1', true, false, '')

-- refused function: another text that is run as SQL
select * from ts_stat('select tsv from films')

-- refused function: an XML table
select * from xmltable('/a' passing '<a/>' columns x text path '.')

-- refused function: in the path of a cycle
with recursive r as (select 1 as n union all select n + 1 from r where pg_sleep(1) is null) select * from r

-- refused function: a user's function that newer grammars read as syntax
select merge_action()

-- refused function: another one
select json_scalar(1)

-- refused too_large: a huge text
select length(repeat('x', 500000000))

-- refused too_large: a huge text, even in a plan
explain select lpad('x', 3e8, '-')

-- refused function_as_attribute: a function as a value's field
select ('/etc/passwd'::text).pg_read_file

-- refused function_as_attribute: as a scalar alias's column
select f.pg_ls_dir from unnest(array['.']) as f

-- refused function_as_attribute: as an array element's field
select (array['x'])[1].pg_read_file

-- refused function_as_attribute: an alias that only looks like a column
select pg_ls_dir.pg_ls_dir from generate_series(1, 2) as pg_ls_dir (a)

-- refused function_as_attribute: a sibling that a subquery cannot see has such a column
select (select 1 from (select x.pg_ls_dir) as s, (select 'a' as pg_ls_dir) as x) from unnest(array['.']) as x

-- refused function_as_attribute: a sibling that a join's condition cannot see has such a column
select (select 1 from (films a join films b on x.pg_ls_dir is null), (select 'a' as pg_ls_dir) as x) from unnest(array['.']) as x

-- refused function_as_attribute: two relations of one name
select s.x.pg_ls_dir from s.x, (select 'a' as pg_ls_dir) as x

-- refused function_as_attribute: a column that a list of columns has renamed
select x.pg_ls_dir from (select 'a' as pg_ls_dir) as x (b)

-- refused function_as_attribute: in the value of an update
update rentals set note = (note).pg_read_file where id = 1

-- refused operator_name: an operator of a schema
select 'a' operator(app.=) 'b'

-- refused operator_name: ordering by an operator of a schema, in a subquery test
select 1 where 'a' operator(app.~~) any (select 'b')

-- refused not_allowed: ordering by an operator
select id from rentals order by id using >

-- refused type: a look into the catalogs
select 'rentals'::regclass

-- refused type: an unknown type
select 'x'::noisy

-- refused type: a type of another schema
select 'x'::app.text

-- refused type: in a list of columns
select * from jsonb_to_record('{}') as x (a noisy)

-- refused type: a pseudo-type
select 'x'::cstring

-- refused system_table: the roles
select * from pg_authid

-- refused system_table: in a subquery
select (select max(rolpassword) from pg_catalog.pg_authid)

-- refused system_table: a query that reads what it hides
with pg_authid as (select * from pg_authid) select * from pg_authid

-- refused system_table: changed under a query of the same name
with pg_class as (select 1 as x) delete from pg_class where relname = 'x'

-- refused system_table: toast
select * from pg_toast.pg_toast_1255

-- refused schema: our own tables
select * from ratchet.runs

-- refused read_only_schema: a write to the catalog's views
delete from information_schema.sql_features where feature_id = 'x'

-- refused no_condition: all rows deleted
delete from rentals

-- refused no_condition: all rows changed, the condition is the subquery's
update rentals set note = (select name from films where id = 1)

-- refused no_condition: all rows changed within WITH
with x as (update rentals set note = 'x' returning id) select * from x where id = 1

-- refused no_condition: joined without a condition
delete from rentals using films

-- refused cursor: the row of a cursor
delete from rentals where current of c

-- refused syntax: no SQL at all
show me the rentals

-- refused syntax: a subquery that writes
select * from (delete from rentals where id = 1 returning *) as x

-- read: a query named like a system table
with pg_stuff as (select 1 as x) select x from pg_stuff

-- read: a column named by an alias like a function
select x.pg_ls_dir from (select 'a' as pg_ls_dir) as x

-- read: a scalar alias named like a function
select g.g, now.now from generate_series(1, 2) as g, now() as now

-- read: an enum of the application
select 'new'::rental_state, array['new']::rental_state[], null::app.rental_state

-- read: a field of each row
select (e).key, (e).value from (select jsonb_each('{"a": 1}') as e) as x

-- write: a write within WITH
with gone as (delete from rentals where id = 1 returning id) select count(*) from gone

-- refused syntax: a word of the language with a letter of another alphabet
ѕelect 1 from rentals

-- refused system_table: the system's own table under a name that is as long as it gets
select * from pg_shadow_and_more_letters_than_there_may_be_in_a_name_of_any_kind

-- refused no_condition: a WHERE with a letter of another alphabet is an alias
delete from rentals wherе

-- refused syntax: a condition behind such a word
delete from rentals wherе id = 1

-- refused unicode_blank: a blank that is none within a name
select grö​ße from rentals

-- refused type: a name that is looked up in the catalogs
select 'rentals'::regclass

-- refused function: a setting read
select current_setting('data_directory')

-- refused statement: a write in a subquery's WITH
select * from (with x as (delete from rentals where id = 1 returning id) select id from x) as y

-- refused statement: a write in the WITH of a WITH query
with x as (with y as (delete from rentals where id = 1 returning id) select id from y) select id from x

-- refused statement: a write in the WITH of an INSERT's query
insert into films (id) with y as (delete from rentals where id = 1 returning id) select id from y

-- refused system_table: an extension's, in a schema of the application
select * from public.pg_stat_statements

-- refused system_table: what the views of information_schema hide
select * from information_schema._pg_user_mappings

-- refused function: a record's domains are checked
select jsonb_populate_record(f, '{"title": "x"}') from films f

-- read: a record of a type that may be cast to
select jsonb_populate_record(null::rental_state, '{"title": "x"}')

-- refused type: a record of a domain
select jsonb_populate_record(null::noisy, '{"title": "x"}')

-- refused function: a record whose type a name stands before
select jsonb_populate_record(base => f, from_json => '{}') from films f
