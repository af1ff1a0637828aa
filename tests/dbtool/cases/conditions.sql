-- Conditions of writes on `rentals (id not null, state, note, fee, paid, film_id, customer_id, due, tags)`, on
-- `films (id not null, title)` and on a table that nobody knows.

-- refused constant_condition: true
delete from rentals where true

-- refused constant_condition: false
delete from rentals where false

-- refused constant_condition: unknown
delete from rentals where null

-- refused constant_condition: not false
delete from rentals where not false

-- refused constant_condition: equal numbers
update rentals set fee = 0 where 1 = 1

-- refused constant_condition: numbers compared
delete from rentals where 2 > 1

-- refused constant_condition: sums
delete from rentals where 1 + 1 = 2

-- refused constant_condition: texts
delete from rentals where 'a' <> 'b'

-- refused constant_condition: a text that is true
delete from rentals where 't'::boolean

-- refused constant_condition: a number that is true
delete from rentals where 1::bool

-- refused constant_condition: a cast by name
delete from rentals where cast('yes' as bool)

-- refused constant_condition: a typed literal
delete from rentals where bool 'on'

-- refused constant_condition: a column with itself
delete from rentals where id = id

-- refused constant_condition: a column with itself, by two names
delete from rentals r where r.id = id

-- refused constant_condition: a column at least itself
delete from rentals where note >= note

-- refused constant_condition: a column not unlike itself
delete from rentals where not (id <> id)

-- refused constant_condition: a column not distinct from itself
delete from rentals where note is not distinct from note

-- refused constant_condition: a column and itself, cast
delete from rentals where id::bigint = id

-- refused constant_condition: a column and itself, computed
delete from rentals where id + 1 > id

-- refused constant_condition: a difference with itself
delete from rentals where id - id = 0

-- refused constant_condition: nothing times a column
delete from rentals where id * 0 = 0

-- refused constant_condition: a call with itself
delete from rentals where lower(note) = lower(note)

-- refused constant_condition: a concatenation with nothing
delete from rentals where note || '' = note

-- refused constant_condition: a row with itself
delete from rentals where (id, note) = (id, note)

-- refused constant_condition: a row constructor with itself
delete from rentals where row(id, fee) = row(id, fee)

-- refused constant_condition: membership in itself
delete from rentals where id in (id)

-- refused constant_condition: membership in a list with itself
delete from rentals where id in (5, id, 6)

-- refused constant_condition: any of an array with itself
delete from rentals where id = any (array[1, id])

-- refused constant_condition: between itself and itself
delete from rentals where id between id and id

-- refused constant_condition: symmetrically between
delete from rentals where id between symmetric id + 1 and id - 1

-- refused constant_condition: itself through a subquery
delete from rentals where id = (select id)

-- refused constant_condition: itself through a subquery's list
delete from rentals where id in (select id)

-- refused constant_condition: all rows of the same table
delete from rentals where id in (select id from rentals)

-- refused constant_condition: itself through coalesce
delete from rentals where coalesce(id, id) = id

-- refused constant_condition: itself through greatest
delete from rentals where greatest(id, id) = least(id, id)

-- refused constant_condition: null or not
delete from rentals where note is null or note is not null

-- refused constant_condition: a column that is never null
delete from rentals where id is not null

-- refused constant_condition: something made of columns that are never null
delete from rentals where (id = 1) is not null

-- refused constant_condition: a truth or its opposite
delete from rentals where paid or not paid

-- refused constant_condition: a truth in both ways
delete from rentals where paid is true or paid is not true

-- refused constant_condition: a truth among both
delete from rentals where paid in (true, false)

-- refused constant_condition: a comparison among both
delete from rentals where (id = 1) in (true, false)

-- refused constant_condition: smaller or not
delete from rentals where id > 5 or id <= 5

-- refused constant_condition: overlapping halves
delete from rentals where id < 10 or id > 5

-- refused constant_condition: overlapping halves, mirrored
delete from rentals where 10 > id or 5 < id

-- refused constant_condition: equal or not
delete from rentals where note = 'x' or note <> 'x'

-- refused constant_condition: unequal to one or the other
delete from rentals where note <> 'x' or note <> 'y'

-- refused constant_condition: equal or not, null included
delete from rentals where note = 'x' or note is distinct from 'x'

-- refused constant_condition: not both
delete from rentals where not (note = 'x' and note = 'y')

-- refused constant_condition: true beside a condition
delete from rentals where id = 1 or true

-- refused constant_condition: true far inside
delete from rentals where id = 1 or (fee > 5 or (1 = 1 and 'a' = 'a'))

-- refused constant_condition: a constant beside a condition, that may be true
delete from rentals where id = 1 or now() > '2020-01-01'

-- refused constant_condition: a parameter beside a condition
delete from rentals where id = 1 or $1

-- refused constant_condition: a parameter that switches the condition off
delete from rentals where $1::text is null or note = $1

-- refused constant_condition: a parameter alone
delete from rentals where $1

-- refused constant_condition: parameters compared
delete from rentals where $1 = $2

-- refused constant_condition: by chance
delete from rentals where random() < 0.5

-- refused constant_condition: the time
delete from rentals where current_date > '2020-01-01'

-- refused constant_condition: a subquery that is true
delete from rentals where (select true)

-- refused constant_condition: a row exists
delete from rentals where exists (select 1)

-- refused constant_condition: a row of another table exists
delete from rentals where exists (select 1 from films where id = 1)

-- refused constant_condition: a row exists, the target only in its columns
delete from rentals where exists (select rentals.id from films)

-- refused constant_condition: a row exists where the target is itself
delete from rentals where exists (select 1 where rentals.id = rentals.id)

-- refused constant_condition: a count is no less than nothing
delete from rentals r where (select count(*) from films f where f.id = r.film_id) >= 0

-- refused constant_condition: a length is no less than nothing
delete from rentals where length(note) >= 0

-- refused constant_condition: an absolute value
delete from rentals where abs(fee) > -1

-- refused constant_condition: a text like itself
delete from rentals where note ilike note

-- refused constant_condition: an array that overlaps itself
delete from rentals where tags && tags

-- refused constant_condition: any of a list or none of it
delete from rentals where state = any ('{new,late}') or state <> all ('{new,late}')

-- refused constant_condition: no text sorts before nothing
delete from rentals where note >= ''

-- refused constant_condition: a square
delete from rentals where fee * fee >= 0

-- refused constant_condition: no less than the least
delete from rentals where least(id, 5) <= id

-- refused constant_condition: nothing when equal to itself
delete from rentals where nullif(id, id) is null

-- refused constant_condition: a parameter that may be missing
update rentals set fee = 0 where id = coalesce($1, id)

-- refused constant_condition: a case that chooses the column itself
update rentals set fee = 0 where id = case when $1 then id else 5 end

-- refused constant_condition: the field of the row itself
delete from rentals where (rentals).id = id

-- refused constant_condition: its own row exists
delete from rentals r where exists (select 1 from rentals x where x.id = r.id)

-- refused constant_condition: its own row is among all
delete from rentals where id in (select x.id from rentals x where x.id = x.id or x.note = 'a')

-- refused constant_condition: it is returned for each row of another table
delete from rentals where id in (select rentals.id from films)

-- refused constant_condition: it is returned by a scalar subquery
delete from rentals where id = (select rentals.id from films limit 1)

-- refused constant_condition: any text
delete from rentals where note like '%'

-- refused constant_condition: any text, twice
delete from rentals where note ilike '%%' or note is null

-- refused constant_condition: any text by expression
delete from rentals where note ~ '.*'

-- refused constant_condition: any text by an empty expression
delete from rentals where note ~* ''

-- refused constant_condition: any text, similar
delete from rentals where note similar to '%'

-- refused constant_condition: a case that is true
delete from rentals where case when true then true else id = 1 end

-- refused constant_condition: a case with two true ends
delete from rentals where case when id = 1 then true else true end

-- refused constant_condition: a case of a value
delete from rentals where case id when 1 then true else true end

-- refused constant_condition: coalesced to true
delete from rentals where coalesce(note = 'x' and note <> 'x', true) or coalesce(true, id = 1)

-- refused constant_condition: true is true
delete from rentals where true is true and id = id

-- refused constant_condition: a constant among columns
delete from rentals where (true) and not (false and id = 1)

-- refused constant_condition: only the other table
update rentals set fee = 0 from films where films.id = 5

-- refused constant_condition: only the other table, joined with itself
delete from rentals using films f, films g where f.id = g.id

-- refused constant_condition: joined with itself by alias
delete from rentals using films where rentals.id = rentals.id and films.id = 3

-- refused constant_condition: merge on nothing
merge into rentals r using films f on true when matched then delete

-- refused constant_condition: merge on the source
merge into rentals r using films f on f.id = 3 when matched then delete

-- refused constant_condition: merge on itself
merge into rentals r using films f on r.id = r.id when matched then update set fee = 0

-- refused constant_condition: within WITH
with x as (delete from rentals where 1 = 1 returning *) select * from x where id = 1

-- refused constant_condition: on a table that nobody knows
delete from mystery where a = a

-- refused constant_condition: a subquery's own columns
delete from rentals where exists (select 1 from films where title = title)

-- write: by key
delete from rentals where id = 1

-- write: by a parameter
update rentals set note = $2 where id = $1

-- write: by a list
delete from rentals where id in (1, 2, 3)

-- write: by a list with null
delete from rentals where id in (1, null)

-- write: not in a list
delete from rentals where state not in ('new', 'late')

-- write: by an array of parameters
delete from rentals where id = any ($1) or state = any ($2::text[])

-- write: by time
delete from rentals where due < now() - interval '30 days'

-- write: by a date
delete from rentals where due::date = current_date

-- write: by a truth
delete from rentals where paid

-- write: by a truth that is not
delete from rentals where not paid

-- write: by what is missing
update rentals set note = '' where note is null

-- write: by what is there
update rentals set note = null where note is not null

-- write: by two columns
delete from rentals where film_id = customer_id

-- write: by a column and what is made of it
update rentals set note = lower(note) where note <> lower(note)

-- write: by whole numbers
delete from rentals where fee = fee::int

-- write: by a range
delete from rentals where id between 5 and 10

-- write: outside a range
delete from rentals where id < 5 or id > 10

-- write: one of two
delete from rentals where id = 1 or note = 'spam'

-- write: a constant that only narrows
delete from rentals where id = 1 and now() > '2020-01-01'

-- write: true that only narrows
delete from rentals where true and id = 1

-- write: false beside a condition
delete from rentals where false or id = 1

-- write: itself, narrowed
delete from rentals where id = id and state = 'late'

-- write: by a pattern
delete from rentals where note like '%spam%' and note not like 'no %'

-- write: by an expression
delete from rentals where note ~ '^[a-z]+$'

-- write: by the remainder
delete from rentals where id % 2 = 0

-- write: by arithmetic
delete from rentals where fee * 2 > 10 and fee - customer_id <> 0

-- write: by elements
delete from rentals where 'old' = any (tags) or tags @> array['x']

-- write: by rows
delete from rentals where (film_id, customer_id) in ((1, 2), (3, 4))

-- write: by a subquery
delete from rentals where film_id in (select id from films where title = 'x')

-- write: by some rows of the same table
delete from rentals where id in (select id from rentals where state = 'late' order by due limit 10)

-- write: duplicates of the same table
delete from rentals r where exists (select 1 from rentals x where x.note = r.note and x.id < r.id)

-- write: by rows of the same table without a limit
delete from rentals where id in (select id from rentals where state = 'late')

-- write: a value or its default
delete from rentals where coalesce(state, 'new') = 'new' and greatest(fee, 0) > 5

-- write: by what exists elsewhere
delete from rentals r where exists (select 1 from films f where f.id = r.film_id and f.title like 'A%')

-- write: by what does not, without qualification
delete from rentals where not exists (select 1 from films where films.id = film_id)

-- write: by a scalar subquery
delete from rentals r where (select count(*) from films f where f.id = r.film_id) = 0

-- write: by the largest
delete from rentals where id = (select max(id) from rentals)

-- write: by a case
delete from rentals where case when paid then due < now() else false end

-- write: coalesced
delete from rentals where coalesce(paid, true)

-- write: coalesced value
delete from rentals where coalesce(note, '') = ''

-- write: joined
update rentals r set note = f.title from films f where f.id = r.film_id and f.title is not null

-- write: joined by delete
delete from rentals using films where rentals.film_id = films.id

-- write: joined with a values list
update rentals as r set fee = v.fee from (values (1, 2.5), (2, 3.5)) as v (id, fee) where r.id = v.id

-- write: merged
merge into rentals r using (select 1 as id, 'x' as note) s on r.id = s.id when matched then update set note = s.note

-- write: in an unknown table
update mystery m set a = o.a from other o where m.id = o.id

-- write: in an unknown table, unqualified
delete from mystery where flag and created < now()

-- write: by a position
delete from rentals where ctid in (select ctid from rentals where state = 'late' limit 5)

-- write: by a long list of alternatives
delete from rentals where (id = 1 and fee = 2) or (id = 3 and fee = 4) or (id = 5 and fee = 6) or (id = 7 and note = 'a')
or (film_id = 8 and customer_id = 9) or (due > '2024-01-01' and paid) or (note = 'b' and not paid) or state = 'gone'

-- write: is true
delete from rentals where (paid and fee > 3) is true

-- write: differs from something
delete from rentals where note is distinct from 'x' and id <> 5

-- refused constant_condition: overlapping halves, one with an exponent
delete from rentals where fee < 5 or fee > 1e0

-- refused constant_condition: overlapping halves, one without a leading digit
delete from rentals where fee < 5. or fee > .75

-- refused constant_condition: overlapping halves of texts that look like numbers
delete from rentals where note < '9' or note > '10'

-- refused constant_condition: no date is later
delete from rentals where due <= 'infinity'

-- refused constant_condition: no date is earlier
delete from rentals where due >= '-infinity' or paid

-- refused constant_condition: nothing that may be missing
delete from rentals where nullif($1, '') is null or note = $1

-- refused constant_condition: nothing when equal, else itself
delete from rentals where nullif(id, null) = id

-- refused constant_condition: a truth no greater than true
delete from rentals where paid <= true

-- refused constant_condition: a truth as a number
delete from rentals where (id is not null)::int = 1

-- refused constant_condition: a truth as a text
delete from rentals where (id = id)::text = 'true'

-- refused constant_condition: rows in order
delete from rentals where (1, id) < (2, 0)

-- refused constant_condition: rows in order by the second column
delete from rentals where row(id, 1) <= row(id, 2)

-- refused constant_condition: the greater of two above the lesser
delete from rentals where greatest(5, id) > 4

-- refused constant_condition: not above the greater of itself
delete from rentals where not id > greatest(id, fee)

-- refused constant_condition: a sign between its ends
delete from rentals where sign(fee) between -1 and 1

-- refused constant_condition: a remainder below its divisor
delete from rentals where mod(id, 7) < 7 and id % 3 > -3

-- refused constant_condition: a month of the year
delete from rentals where extract(month from due) <= 12

-- refused constant_condition: a root
delete from rentals where |/ fee >= 0

-- refused constant_condition: itself with a sign
delete from rentals where + id = - (- id)

-- refused constant_condition: factors in another order
delete from rentals where id * fee = fee * id

-- refused constant_condition: any text, put together
delete from rentals where note like '%' || '%'

-- refused constant_condition: any text, with an escape
delete from rentals where note like '%' escape '!'

-- refused constant_condition: an expression that need not meet anything
delete from rentals where note ~ 'x*' and note ~ '[[:digit:]]?' and note ~ 'spam|'

-- refused constant_condition: similar to one of all
delete from rentals where note similar to 'spam|%'

-- refused constant_condition: all of nothing
delete from rentals where id <> all ('{}')

-- refused constant_condition: what contains nothing
delete from rentals where tags @> '{}' and '{}'::text[] <@ tags

-- refused constant_condition: among all and others
delete from rentals where id in (select id from rentals union select 3)

-- refused constant_condition: among all, each once
delete from rentals where id in (select distinct id from rentals)

-- refused constant_condition: among all in an array
delete from rentals where id = any (array(select r.id from rentals r))

-- refused constant_condition: no less than one of all
delete from rentals where id >= any (select id from rentals)

-- refused constant_condition: a row among all
delete from rentals where (id, 1) in (select id, 1 from rentals)

-- refused constant_condition: among values
delete from rentals where id in (values (1), (rentals.id))

-- refused constant_condition: its own row exists, once
delete from rentals where exists (select 1 from rentals r where r.id = rentals.id limit 1)

-- refused constant_condition: a row exists in one of two
delete from rentals where exists (select 1 from films union select 1)

-- refused constant_condition: joined with all of itself
delete from rentals r using rentals q where r.id = q.id

-- refused constant_condition: joined with all of itself, whole rows
delete from rentals r using rentals q where r = q

-- refused constant_condition: joined with all of itself by a subquery
update rentals r set fee = 0 from (select id, note from rentals) q where q.id = r.id

-- refused constant_condition: joined with all of itself by a name
with q as (select * from rentals) update rentals r set fee = 0 from q where q.id <= r.id

-- refused constant_condition: merged with all of itself
merge into rentals r using (table rentals) q on r.id = q.id when matched then delete

-- refused constant_condition: nothing matches, so all is deleted
merge into rentals r using films f on r.film_id = f.id and 1 = 0 when not matched by source then delete

-- refused constant_condition: no row can match, so all is changed
merge into rentals r using films f on r.id = 1 and r.id = 2 when not matched by source then update set fee = 0

-- write: joined with itself to find duplicates
delete from rentals r using rentals q where r.note = q.note and r.id > q.id

-- write: joined with another row of itself
update rentals r set note = q.note from rentals q where q.id = r.customer_id

-- write: joined with some rows of itself
update rentals r set fee = q.fee from (select id, fee from rentals where paid) q where q.id = r.id

-- write: joined with a sample of itself
update rentals r set fee = 0 from rentals q tablesample system (10) where q.id = r.id

-- write: joined with what was made of itself
update rentals r set fee = q.place from (select id, rank() over (order by due) as place from rentals) q where q.id = r.id

-- write: a merge that also takes leave of what is gone
merge into rentals r using films f on r.film_id = f.id and f.title <> '' when not matched by source then delete

-- write: by a number in quotes
delete from rentals where id > '5' and id < '10' or fee = '1e3'

-- write: by a text that looks like a number
delete from rentals where note > '5' and note < '9' or note in ('1', '2')

-- write: before the end of time
delete from rentals where due < 'infinity' and due > '-infinity'

-- write: by an expression that has to meet something
delete from rentals where note ~ '^x*$' or note ~ 'x+' or note !~ '^[[:alpha:]]+$' or note similar to '(a|b)%'

-- write: by a field of a date
delete from rentals where extract(dow from due) in (0, 6) and extract(month from due) = 12 and id % 10 < 5

-- write: by what is nothing
delete from rentals where nullif(note, '') is null and nullif(fee, 0) > 5

-- write: by rows in order
delete from rentals where (film_id, customer_id) > (5, 6)

-- write: by a truth as a number
delete from rentals where (fee > 5)::int = 1 and paid < (fee > 3)

-- write: by the greater
delete from rentals where greatest(fee, id) > 100 and least(due, now()) < now() - interval '1 year'

-- write: by what it contains
delete from rentals where tags @> '{x}' and tags <> '{}'

-- refused constant_condition: among those of all that have a fee
delete from rentals where id in (select q.id from rentals q where q.fee > 1 or q.fee <= 1)

-- refused constant_condition: a row exists where something is known
delete from rentals where exists (select 1 where fee > 1 or fee <= 1)

-- refused constant_condition: many things of which nobody knows, some denied
delete from rentals where id = 1 or ($1 and not $2 and $3 and not $4 and $5 and not $6 and $7 and not $8 and $9 and not $10
and $11 and not $12 and $13 and not $14 and $15 and not $16)

-- refused constant_condition: many constants that no one works out, some denied
delete from rentals where id = 1 or (starts_with('a', 'a') and not starts_with('a', 'b') and starts_with('b', 'b')
and not starts_with('b', 'c') and starts_with('c', 'c') and not starts_with('c', 'd') and starts_with('d', 'd')
and not starts_with('d', 'e') and starts_with('e', 'e') and not starts_with('e', 'f') and starts_with('f', 'f'))

-- write: many things of which nobody knows, beside a condition
delete from rentals where id = 1 and ($1 or not $2 and $3 and not $4 and $5 and not $6 and $7 and not $8 and $9 and not $10
and $11 and not $12 and $13 and not $14 and $15 and not $16)
