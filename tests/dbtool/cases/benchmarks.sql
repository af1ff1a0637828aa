-- What people ask of a database: analytic queries after the questions that public benchmarks describe (decision
-- support on orders, a star schema, retail, web analytics), the language's own features, and everyday writes.

-- read: totals by return flag and line status up to a date
select l_returnflag, l_linestatus, sum(l_quantity) as quantity, sum(l_extendedprice) as base_price,
  sum(l_extendedprice * (1 - l_discount)) as discounted, sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) as charge,
  avg(l_quantity) as average_quantity, avg(l_discount) as average_discount, count(*) as orders
from lineitem where l_shipdate <= date '1998-12-01' - interval '90' day
group by l_returnflag, l_linestatus order by l_returnflag, l_linestatus

-- read: the cheapest supplier of each part of a size in a region
select s.s_acctbal, s.s_name, n.n_name, p.p_partkey from part p, supplier s, partsupp ps, nation n, region r
where p.p_partkey = ps.ps_partkey and s.s_suppkey = ps.ps_suppkey and p.p_size = 15 and p.p_type like '%BRASS'
  and s.s_nationkey = n.n_nationkey and n.n_regionkey = r.r_regionkey and r.r_name = 'EUROPE'
  and ps.ps_supplycost = (select min(x.ps_supplycost) from partsupp x join supplier y on y.s_suppkey = x.ps_suppkey
    where x.ps_partkey = p.p_partkey)
order by s.s_acctbal desc, n.n_name, s.s_name limit 100

-- read: orders not yet shipped, by value
select l.l_orderkey, sum(l.l_extendedprice * (1 - l.l_discount)) as revenue, o.o_orderdate, o.o_shippriority
from customer c join orders o on c.c_custkey = o.o_custkey join lineitem l on l.l_orderkey = o.o_orderkey
where c.c_mktsegment = 'BUILDING' and o.o_orderdate < date '1995-03-15' and l.l_shipdate > date '1995-03-15'
group by l.l_orderkey, o.o_orderdate, o.o_shippriority order by revenue desc, o.o_orderdate fetch first 10 rows only

-- read: priorities of orders with a late line
select o_orderpriority, count(*) as order_count from orders o
where o_orderdate >= date '1993-07-01' and o_orderdate < date '1993-07-01' + interval '3 months'
  and exists (select * from lineitem l where l.l_orderkey = o.o_orderkey and l.l_commitdate < l.l_receiptdate)
group by o_orderpriority order by o_orderpriority

-- read: what a discount in a range would have saved
select sum(l_extendedprice * l_discount) as revenue from lineitem
where l_shipdate >= '1994-01-01'::date and l_shipdate < '1995-01-01'::date and l_discount between 0.05 and 0.07
  and l_quantity < 24

-- read: volume of trade between two nations by year
select supp_nation, cust_nation, l_year, sum(volume) as revenue from (
  select n1.n_name as supp_nation, n2.n_name as cust_nation, extract(year from l.l_shipdate) as l_year,
    l.l_extendedprice * (1 - l.l_discount) as volume
  from supplier s, lineitem l, orders o, customer c, nation n1, nation n2
  where s.s_suppkey = l.l_suppkey and o.o_orderkey = l.l_orderkey and c.c_custkey = o.o_custkey
    and s.s_nationkey = n1.n_nationkey and c.c_nationkey = n2.n_nationkey
    and ((n1.n_name = 'FRANCE' and n2.n_name = 'GERMANY') or (n1.n_name = 'GERMANY' and n2.n_name = 'FRANCE'))
) as shipping group by supp_nation, cust_nation, l_year order by 1, 2, 3

-- read: the share of one nation in a market
select o_year, sum(case when nation = 'BRAZIL' then volume else 0 end) / sum(volume) as share
from (select extract(year from o.o_orderdate) as o_year, l.l_extendedprice as volume, n.n_name as nation
  from lineitem l join orders o using (l_orderkey) join nation n on n.n_nationkey = o.o_nationkey) as all_nations
group by o_year order by o_year

-- read: customers by number of orders, none included
select c_count, count(*) as customers from (
  select c.c_custkey, count(o.o_orderkey) from customer c
  left outer join orders o on c.c_custkey = o.o_custkey and o.o_comment not like '%special%requests%'
  group by c.c_custkey) as c_orders (c_custkey, c_count)
group by c_count order by customers desc, c_count desc

-- read: share of promotional parts
select 100.00 * sum(case when p_type like 'PROMO%' then l_extendedprice * (1 - l_discount) else 0 end)
  / nullif(sum(l_extendedprice * (1 - l_discount)), 0) as promo_revenue
from lineitem, part where l_partkey = p_partkey

-- read: the best supplier, with a named query
with revenue (supplier_no, total_revenue) as (
  select l_suppkey, sum(l_extendedprice * (1 - l_discount)) from lineitem group by l_suppkey)
select s.s_suppkey, s.s_name, r.total_revenue from supplier s join revenue r on s.s_suppkey = r.supplier_no
where r.total_revenue = (select max(total_revenue) from revenue)

-- read: suppliers of parts but for those with complaints
select p.p_brand, p.p_type, count(distinct ps.ps_suppkey) as suppliers from partsupp ps, part p
where p.p_partkey = ps.ps_partkey and p.p_brand <> 'Brand#45' and p.p_size in (49, 14, 23, 45, 19, 3, 36, 9)
  and ps.ps_suppkey not in (select s_suppkey from supplier where s_comment like '%Customer%Complaints%')
group by p.p_brand, p.p_type having count(*) > 2 order by suppliers desc

-- read: large orders
select c.c_name, o.o_orderkey, sum(l.l_quantity) from customer c, orders o, lineitem l
where o.o_orderkey in (select l_orderkey from lineitem group by l_orderkey having sum(l_quantity) > 300)
  and c.c_custkey = o.o_custkey and o.o_orderkey = l.l_orderkey group by 1, 2 order by 3 desc limit 100

-- read: idle customers by country code
select cntrycode, count(*) as numcust, sum(c_acctbal) as totacctbal from (
  select substring(c_phone from 1 for 2) as cntrycode, c_acctbal from customer
  where substring(c_phone from 1 for 2) in ('13', '31', '23')
    and c_acctbal > (select avg(c_acctbal) from customer where c_acctbal > 0.00)
    and not exists (select * from orders where o_custkey = c_custkey)) as custsale
group by cntrycode order by cntrycode

-- read: a star schema, one quarter of one brand
select sum(lo_revenue), d_year, p_brand1 from lineorder, dates, part, supplier
where lo_orderdate = d_datekey and lo_partkey = p_partkey and lo_suppkey = s_suppkey
  and p_category = 'MFGR#12' and s_region = 'AMERICA' group by d_year, p_brand1 order by d_year, p_brand1

-- read: a star schema, profit by year and nation
select d_year, c_nation, sum(lo_revenue - lo_supplycost) as profit from lineorder
join dates on lo_orderdate = d_datekey join customer on lo_custkey = c_custkey
where c_region = 'AMERICA' and (p_mfgr = 'MFGR#1' or p_mfgr = 'MFGR#2') group by d_year, c_nation order by 1, 2

-- read: returns above the average of their store
with store_returns_total as (
  select sr_customer_sk, sr_store_sk, sum(sr_return_amt) as total from store_returns, date_dim
  where sr_returned_date_sk = d_date_sk and d_year = 2000 group by sr_customer_sk, sr_store_sk)
select c_customer_id from store_returns_total t1, store, customer
where t1.total > (select avg(total) * 1.2 from store_returns_total t2 where t1.sr_store_sk = t2.sr_store_sk)
  and s_store_sk = t1.sr_store_sk and s_state = 'TN' and t1.sr_customer_sk = c_customer_sk
order by c_customer_id limit 100

-- read: weekly sales against the same week a year later
with wss as (
  select d_week_seq, ss_store_sk, sum(case when d_day_name = 'Sunday' then ss_sales_price end) as sun_sales,
    sum(case when d_day_name = 'Monday' then ss_sales_price end) as mon_sales
  from store_sales join date_dim on d_date_sk = ss_sold_date_sk group by d_week_seq, ss_store_sk)
select y.d_week_seq, round(y.sun_sales / x.sun_sales, 2), round(y.mon_sales / x.mon_sales, 2)
from wss y join wss x on x.ss_store_sk = y.ss_store_sk and x.d_week_seq = y.d_week_seq - 53

-- read: rollup with rank within parent
select sum(ws_net_paid) as total_sum, i_category, i_class, grouping(i_category) + grouping(i_class) as lochierarchy,
  rank() over (partition by grouping(i_category) + grouping(i_class),
    case when grouping(i_class) = 0 then i_category end order by sum(ws_net_paid) desc) as rank_within_parent
from web_sales, item where i_item_sk = ws_item_sk group by rollup (i_category, i_class)
order by lochierarchy desc, rank_within_parent limit 100

-- read: months that deviate from the average
select * from (
  select i_manufact_id, d_qoy, sum(ss_sales_price) as sum_sales,
    avg(sum(ss_sales_price)) over (partition by i_manufact_id) as avg_quarterly_sales
  from item, store_sales, date_dim where ss_item_sk = i_item_sk group by i_manufact_id, d_qoy) tmp1
where case when avg_quarterly_sales > 0 then abs(sum_sales - avg_quarterly_sales) / avg_quarterly_sales else null end > 0.1
order by avg_quarterly_sales, sum_sales

-- read: running totals from two channels, full join
with web_v1 as (
  select ws_item_sk as item_sk, d_date,
    sum(sum(ws_sales_price)) over (partition by ws_item_sk order by d_date
      rows between unbounded preceding and current row) as cume_sales
  from web_sales, date_dim where ws_sold_date_sk = d_date_sk group by ws_item_sk, d_date),
store_v1 as (
  select ss_item_sk as item_sk, d_date,
    sum(sum(ss_sales_price)) over (partition by ss_item_sk order by d_date
      rows between unbounded preceding and current row) as cume_sales
  from store_sales, date_dim where ss_sold_date_sk = d_date_sk group by ss_item_sk, d_date)
select coalesce(web.item_sk, store.item_sk) as item_sk, web.cume_sales as web_sales, store.cume_sales as store_sales
from web_v1 web full outer join store_v1 store on web.item_sk = store.item_sk and web.d_date = store.d_date
where web.cume_sales > store.cume_sales

-- read: three sources, intersected
select count(*) from (
  select distinct c_last_name, c_first_name, d_date from store_sales, date_dim, customer where d_month_seq between 1200 and 1211
  intersect
  select distinct c_last_name, c_first_name, d_date from catalog_sales, date_dim, customer where d_month_seq between 1200 and 1211
  except
  select distinct c_last_name, c_first_name, d_date from web_sales, date_dim, customer where d_month_seq between 1200 and 1211
) hot_customers

-- read: shares of morning and evening
select cast(amc as decimal(15, 4)) / cast(pmc as decimal(15, 4)) as am_pm_ratio
from (select count(*) as amc from web_sales where ws_hour between 8 and 9) at1
cross join (select count(*) as pmc from web_sales where ws_hour between 19 and 20) pt

-- read: hits by search phrase
select search_phrase, count(distinct user_id) as u from hits where search_phrase <> '' group by search_phrase
order by u desc limit 10

-- read: regions with the most users
select region_id, sum(adv_engine_id), count(*) as c, avg(resolution_width), count(distinct user_id)
from hits group by region_id order by c desc limit 10

-- read: minutes of an evening
select date_trunc('minute', event_time) as m, count(*) as page_views from hits
where counter_id = 62 and event_date >= '2013-07-14' and event_date <= '2013-07-15' and is_refresh = 0
group by date_trunc('minute', event_time) order by date_trunc('minute', event_time) limit 10 offset 1000

-- read: referring hosts by regular expression
select regexp_replace(referer, '^https?://(?:www\.)?([^/]+)/.*$', '\1') as k, avg(length(referer)) as l, count(*) as c,
  min(referer) from hits where referer <> '' group by k having count(*) > 100000 order by l desc limit 25

-- read: many sums in a row
select sum(w), sum(w + 1), sum(w + 2), sum(w + 3), sum(w + 4), sum(w + 5), sum(w + 6), sum(w + 7), sum(w + 8) from hits

-- read: conditional source
select traffic_source, case when (search_engine_id = 0 and adv_engine_id = 0) then referer else '' end as src, url as dst,
  count(*) as views from hits group by traffic_source, src, dst order by views desc limit 10 offset 1000

-- read: minute of the hour
select user_id, extract(minute from event_time) as m, search_phrase, count(*) from hits group by user_id, m, search_phrase
order by count(*) desc limit 10

-- read: a plain constant
select 1

-- read: arithmetic of all kinds
select 7 / 2, 7 % 2, 2 ^ 10, |/ 25, ||/ 27, @ -5, 5 & 3, 5 | 3, 5 # 3, ~ 5, 1 << 4, 256 >> 2, -3, +3, 1.5e3, .5

-- read: everything from a table
table countries

-- read: values alone
values (1, 'one'), (2, 'two'), (3, 'three')

-- read: values as a table
select v.n, v.word from (values (1, 'one'), (2, 'two')) as v (n, word) order by v.n desc

-- read: no rows of interest
select from countries

-- read: natural and using joins
select * from a natural left join b join c using (id, kind) cross join d

-- read: an alias for what is joined with using
select j.id from a join b using (id) as j

-- read: lateral join to the latest three
select c.name, o.id, o.total from customers c
left join lateral (select id, total from orders where customer_id = c.id order by placed_at desc limit 3) o on true

-- read: distinct on
select distinct on (customer_id) customer_id, placed_at, total from orders order by customer_id, placed_at desc nulls last

-- read: order by an expression with using nulls and collation
select name from customers order by lower(name) collate "de-x-icu" asc nulls first, length(name) desc

-- read: with ties
select name, score from players order by score desc fetch first 3 rows with ties

-- read: offset and limit with parameters
select id, name from customers where country = $1 and created_at >= $2 order by id limit $3 offset $4

-- read: a list of thousands as one parameter
select id from customers where id = any ($1::bigint[]) and not (status = any ('{new,old}'::text[]))

-- read: comparison with all
select name from products where price >= all (select price from products where category = 'books')

-- read: row comparison
select id from events where (created_at, id) < ('2024-05-01', 1000) order by created_at desc, id desc limit 50

-- read: pairs in a list
select * from prices where (sku, region) in (('A1', 'EU'), ('B2', 'US')) and price is not null

-- read: is distinct from
select id from a where b is distinct from c or d is not distinct from null

-- read: truth tests
select count(*) filter (where active is true), count(*) filter (where (a = b) is not unknown) from flags where paid is not false

-- read: between in both directions
select * from t where x not between 1 and 5 and y between symmetric 9 and 3

-- read: patterns
select name from t where name ilike 'a%' or name not like '\_%' escape '\' or name ~* '^b' or name !~ 'c$' or name similar to '(d|e)%'

-- read: any of several patterns
select name from t where name like any (array['a%', 'b%']) and name !~~ all (array['%z'])

-- read: case in both forms
select case status when 'new' then 1 when 'paid' then 2 else 0 end, case when total > 100 then 'large' when total > 10 then 'mid' end
from orders

-- read: coalesce, nullif, greatest and least
select coalesce(nick, first_name, 'anonymous'), nullif(total, 0), greatest(a, b, c), least(a, 1) from t

-- read: aggregates with order and filter
select department, array_agg(name order by hired desc nulls last), string_agg(distinct name, ', ' order by name),
  json_agg(json_build_object('id', id, 'name', name) order by id), bool_or(remote), every(active),
  count(*) filter (where salary > 100000) from employees group by department

-- read: ordered-set aggregates
select percentile_cont(0.5) within group (order by salary), percentile_disc(array[0.1, 0.9]) within group (order by salary desc),
  mode() within group (order by title), rank(50000) within group (order by salary) from employees

-- read: statistics
select corr(x, y), regr_slope(y, x), regr_intercept(y, x), stddev_samp(x), var_pop(y), covar_samp(x, y) from points

-- read: grouping sets, cube and rollup together
select region, product, date_trunc('month', sold_at), sum(amount) from sales
group by grouping sets ((region, product), (region), ()), rollup (date_trunc('month', sold_at))

-- read: group by distinct sets
select a, b, count(*) from t group by distinct rollup (a, b), cube (b)

-- read: windows by name
select id, first_value(price) over w, last_value(price) over (w rows between unbounded preceding and unbounded following),
  price - lag(price, 1, 0.0) over w as change, lead(price) over w, ntile(4) over (order by price), cume_dist() over w, percent_rank() over w
from quotes window w as (partition by symbol order by quoted_at)

-- read: frames of every kind
select sum(x) over (order by d range between interval '7 days' preceding and current row),
  sum(x) over (order by d groups between 1 preceding and 1 following exclude ties),
  count(*) over (order by d rows between 2 preceding and current row exclude current row) from series

-- read: gaps and islands
select min(day), max(day), count(*) from (
  select day, day - (row_number() over (order by day))::int as island from (select distinct day from visits) v) x
group by island order by 1

-- read: moving average and share of total
select day, revenue, avg(revenue) over (order by day rows 6 preceding), round(100.0 * revenue / sum(revenue) over (), 2) as share
from daily

-- read: the median gap between events
select user_id, percentile_cont(0.5) within group (order by gap) from (
  select user_id, extract(epoch from at - lag(at) over (partition by user_id order by at)) as gap from events) g
where gap is not null group by user_id

-- read: a tree, with its path
with recursive tree as (
  select id, parent_id, name, 1 as depth, array[id] as path from categories where parent_id is null
  union all
  select c.id, c.parent_id, c.name, t.depth + 1, t.path || c.id from categories c join tree t on t.id = c.parent_id
  where not c.id = any (t.path))
select repeat('  ', depth - 1) || name as indented, path from tree order by path

-- read: a search depth first
with recursive t (id, parent) as (select id, parent from nodes where parent is null
  union all select n.id, n.parent from nodes n, t where n.parent = t.id) search depth first by id set ordering
select * from t order by ordering

-- read: a cycle guard
with recursive g (a, b) as (select a, b from edges union all select e.a, e.b from edges e join g on e.a = g.b)
cycle a, b set is_cycle using path
select * from g where not is_cycle

-- read: numbers by recursion
with recursive fib (n, a, b) as (values (1, 0::numeric, 1::numeric) union all select n + 1, b, a + b from fib where n < 50)
select n, a from fib

-- read: days without sales
select d::date as day, coalesce(sum(s.amount), 0) as total
from generate_series('2024-01-01'::timestamp, '2024-01-31', interval '1 day') as d
left join sales s on s.sold_on = d::date group by d order by d

-- read: retention by cohort
with firsts as (select user_id, date_trunc('month', min(at)) as cohort from logins group by user_id),
activity as (select distinct l.user_id, date_trunc('month', l.at) as month from logins l)
select f.cohort, (extract(year from age(a.month, f.cohort)) * 12 + extract(month from age(a.month, f.cohort)))::int as nth,
  count(*) from firsts f join activity a using (user_id) group by 1, 2 order by 1, 2

-- read: funnel
select count(*) filter (where step >= 1) as visited, count(*) filter (where step >= 2) as added,
  to_char(100.0 * count(*) filter (where step >= 3) / nullif(count(*), 0), 'FM990.0"%"') as paid from funnels

-- read: pivot by crosstab of filters
select product, sum(amount) filter (where quarter = 1) as q1, sum(amount) filter (where quarter = 2) as q2 from sales group by product

-- read: histogram
select width_bucket(price, 0, 100, 10) as bucket, numrange(min(price), max(price), '[]') as range, count(*) from products
group by bucket order by bucket

-- read: json, arrows and paths
select data -> 'user' ->> 'name', data #>> '{tags,0}', data @> '{"a": 1}', data ? 'b', data ?| array['c', 'd'], data ?& array['e'],
  data - 'secret', data #- '{a,b}', data || '{"z": 1}'::jsonb, (data ->> 'age')::int, data['user']['name'] from docs

-- read: json path
select jsonb_path_query_array(data, '$.items[*] ? (@.price > $min).sku', '{"min": 10}'), data @? '$.a[*] ? (@ > 1)',
  data @@ '$.a == 1', jsonb_path_exists(data, '$.b') from docs

-- read: json unfolded
select d.id, e.key, e.value, x.sku, x.qty from docs d cross join jsonb_each_text(d.data -> 'meta') as e (key, value)
cross join lateral jsonb_to_recordset(d.data -> 'items') as x (sku text, qty int) where jsonb_typeof(d.data) = 'object'

-- read: rows as json
select row_to_json(t), to_jsonb(t.*) - 'password', json_object_agg(t.k, t.v) from (select k, v from pairs) t group by t.*

-- read: json aggregated in a lateral subquery
select c.id, coalesce(o.items, '[]'::jsonb) from customers c left join lateral (
  select jsonb_agg(jsonb_build_object('id', i.id, 'qty', i.qty) order by i.id) as items from items i where i.customer_id = c.id) o on true

-- read: a field of a set-returning call
select (jsonb_each(data)).key, (jsonb_each(data)).value from docs

-- read: arrays
select tags[1], tags[2:3], array_length(tags, 1), cardinality(tags), array_position(tags, 'x'), tags || array['y'], tags && array['z'],
  tags <@ array['a', 'b'], array(select name from t order by name), array_to_string(tags, ',', '*'), array[[1, 2], [3, 4]] from docs

-- read: unnest with ordinality
select p.id, t.tag, t.n from posts p cross join unnest(p.tags) with ordinality as t (tag, n) order by p.id, t.n

-- read: two arrays side by side
select * from unnest(array[1, 2, 3], array['a', 'b']) as u (number, letter)

-- read: rows from several functions
select * from rows from (generate_series(1, 3), generate_series(10, 11)) with ordinality as r (a, b, n)

-- read: ranges
select room, during * tstzrange('2024-01-01', '2024-02-01', '[)'), lower(during), upper_inf(during), isempty(during)
from bookings where during && tstzrange(now(), now() + interval '1 day') and during @> now() and not during << int4range(1, 2)::text::tstzrange

-- read: texts
select trim(both ' ' from name), ltrim(name), substring(name, 2, 3), substring(name from '[0-9]+'), overlay(name placing '*' from 2 for 3),
  position('a' in name), initcap(name), lpad(id::text, 8, '0'), format('%s (%I)', name, code), split_part(email, '@', 2),
  regexp_match(name, '(\d+)'), translate(name, 'abc', 'xyz'), left(name, 3), reverse(name), concat_ws(', ', a, b), md5(name),
  encode(sha256(name::bytea), 'hex'), quote_literal(name), chr(65), ascii('x'), starts_with(name, 'Dr'), name ^@ 'Dr' from people

-- read: texts split into rows
select word, count(*) from docs, regexp_split_to_table(lower(body), '\s+') as word where length(word) > 3 group by word order by 2 desc

-- read: dates and times
select now() - interval '1 hour 30 minutes', current_date - 7, date_trunc('week', at, 'UTC'), date_bin('15 minutes', at, timestamp '2001-01-01'),
  extract(isodow from at), date_part('doy', at), at at time zone 'UTC' at time zone 'America/New_York', age(at), to_char(at, 'YYYY-MM-DD HH24:MI'),
  make_date(2024, 2, 29) + time '12:00', to_timestamp(1700000000), at::date, justify_interval(interval '40 days'), make_interval(days => 10),
  (a, b) overlaps (c, d), localtimestamp, current_timestamp(0), interval '1-2' year to month, timestamptz '2024-01-01 00:00+00', date(at) from events

-- read: full text
select id, ts_rank_cd(tsv, query, 32) as rank, ts_headline('english', body, query, 'StartSel=<b>, StopSel=</b>')
from docs, websearch_to_tsquery('english', 'postgres -oracle') as query where tsv @@ query order by rank desc limit 10

-- read: full text without a column for it
select title from docs where to_tsvector('simple', title || ' ' || coalesce(body, '')) @@ (plainto_tsquery('a') || phraseto_tsquery('b c'))

-- read: similar words
select name, similarity(name, 'jon') as s, name <-> 'jon' as distance from people where name % 'jon' order by name <-> 'jon' limit 5

-- read: nearest vectors by every distance
select id, embedding <-> '[1,2,3]' as l2, 1 - (embedding <=> '[1,2,3]'::vector) as cosine, (embedding <#> $1::vector(3)) * -1 as inner,
  embedding <+> '[0,0,0]' as l1 from items where embedding <=> '[1,2,3]' < 0.5 order by embedding <=> '[1,2,3]' limit 10

-- read: hybrid search by reciprocal ranks
with v as (select id, row_number() over (order by embedding <=> $1::vector) as r from items order by embedding <=> $1::vector limit 40),
f as (select id, row_number() over (order by ts_rank(tsv, plainto_tsquery($2)) desc) as r from items where tsv @@ plainto_tsquery($2) limit 40)
select id, coalesce(1.0 / (60 + v.r), 0) + coalesce(1.0 / (60 + f.r), 0) as score from v full join f using (id) order by score desc limit 10

-- read: an average vector by group
select category, avg(embedding)::vector, cosine_distance(avg(embedding), '[1,2,3]') from items group by category

-- read: points and networks
select point(1, 2) <-> location, box '(0,0),(1,1)' @> location, circle(location, 5), ip << inet '10.0.0.0/8', host(ip), masklen(ip) from places

-- read: bits and bytes
select b'101' & b'110', x'1f', get_byte('\x0102'::bytea, 0), bit_count('\xff'::bytea), encode('abc', 'base64') from t

-- read: types of all kinds
select '1'::smallint, cast('2' as bigint), 1::real, '3.14'::double precision, 'x'::varchar(10), 'y'::char(3), true::int, 'f'::bool,
  '12:00'::time with time zone, '{1,2}'::int[], '{{a}}'::text[][], 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, numeric(10, 2) '1.005', '{}'::json

-- read: a sample
select avg(total) from orders tablesample bernoulli (10) repeatable (42)

-- read: random choice
select id, random() as r, gen_random_uuid() from orders order by random() limit 5

-- read: what tables there are
select table_schema, table_name, column_name, data_type from information_schema.columns where table_schema not in ('information_schema')
order by table_schema, table_name, ordinal_position

-- read: set operations nested
(select id from a union all select id from b) except (select id from c intersect all select id from d) order by 1 limit 5

-- read: scalar subqueries all over
select (select count(*) from a), (select max(x) from b where b.id = o.id) + 1, exists (select 1 from c), array(select d.id from d)
from o where (select count(*) from e where e.o_id = o.id) > 2 order by (select name from f where f.id = o.f_id)

-- read: subquery factored, materialised or not
with a as materialized (select * from big where x > 1), b as not materialized (select * from a) select count(*) from a join b using (id)

-- read: words that look like commands
select "delete", "update" as "drop", insert_count, created_at as grant_date from "table" where "select" = 'truncate; drop table x' and note <> 'commit'

-- read: names in other scripts
select "größe" as "Größe", "名前" from "Straßen" where "größe" > 5 and ort = 'Zürich 🏔'

-- read: quoted text of all kinds
select 'it''s', E'line\nbreak', $$dollar "quoted"$$, $body$with $$ inside$body$, 'back\slash', '--no comment', '/* nor this */'

-- read: comments everywhere
select /* the id */ id -- of the order
from orders /* nested /* comment */ here */ where id > 5 -- done

-- read: a closing semicolon
select count(*) from orders;

-- read: the plan of a query
explain (format json, verbose) select o.id from orders o join customers c on c.id = o.customer_id where c.country = 'DE'

-- read: the plan of a write
explain update orders set total = 0 where id = 1

-- read: a column named like a function
select u.name, u.version, o.date, o.count, o.length, t.position from users u, orders o, tracks t where u.age > 18 and t.rank = 1

-- read: composite field and whole row
select (o).total, o from orders o where (o).id = 1

-- read: named arguments
select make_interval(days => 3, hours => 4), jsonb_set(target => data, path => '{a}', new_value => '1') from docs

-- read: variadic arguments
select concat(variadic array['a', 'b']), format('%s %s', variadic array['x', 'y']), num_nulls(a, b, c) from t

-- read: pg_catalog named on purpose
select pg_catalog.lower(name), pg_catalog.count(*) from customers group by 1

-- read: json constructors and predicates
select json_object('a' : 1, 'b' : name), data is json object, json_array(1, 2) from docs

-- read: json table
select j.id, j.name from docs, json_table(data, '$.items[*]' columns (id int path '$.id', name text path '$.name')) as j

-- read: median by subquery in from with values
select avg(x) from (select x, row_number() over (order by x) as r, count(*) over () as c from (values (3), (1), (2)) as v (x)) s
where r in ((c + 1) / 2, (c + 2) / 2)

-- read: yesterday's errors by hour
select extract(hour from at)::int as hour, level, count(*) from logs
where at >= current_date - interval '1 day' and at < current_date and level in ('error', 'fatal') group by 1, 2 order by 1, 2

-- read: duplicates
select lower(email), count(*), array_agg(id order by id) from users group by lower(email) having count(*) > 1

-- read: orphans
select i.* from items i left join orders o on o.id = i.order_id where o.id is null

-- read: top per group by window
select * from (select p.*, rank() over (partition by category order by price desc) as r from products p) ranked where r <= 3

-- write: one row
insert into customers (name, email) values ('Ada', 'ada@example.com') returning id, created_at

-- write: several rows, defaults and expressions
insert into orders (customer_id, total, placed_at, note) values (1, 9.5, default, null), (2, 3 * 4.25, now() - interval '1 day', 'x')

-- write: all defaults
insert into counters default values returning *

-- write: from a query
insert into archive (id, total) select id, total from orders where placed_at < now() - interval '2 years'

-- write: upsert
insert into stock as s (sku, qty) values ($1, $2) on conflict (sku) do update set qty = s.qty + excluded.qty, changed_at = now()
where s.qty <> excluded.qty returning sku, qty

-- write: upsert that keeps what is there
insert into tags (name) select distinct unnest($1::text[]) on conflict do nothing

-- write: upsert by the name of a constraint
insert into prices (sku, price) values ('a', 1) on conflict on constraint prices_pkey do update set price = excluded.price

-- write: identity by hand
insert into customers (id, name) overriding system value values (1000, 'imported')

-- write: insert with a named query
with fresh as (select id from customers where created_at > current_date) insert into welcome (customer_id) select id from fresh

-- write: one row by its key
update customers set email = lower($2), updated_at = now() where id = $1 returning *

-- write: a price rise
update products set price = round(price * 1.05, 2) where category = 'toys' and price < 100

-- write: several columns from a subquery
update accounts a set (balance, changed_at) = (select sum(amount), max(at) from postings p where p.account_id = a.id) where a.kind = 'asset'

-- write: joined with another table
update orders o set status = 'vip' from customers c where c.id = o.customer_id and c.score > 90

-- write: a flag by a boolean column
update users set notified = true where not notified and active

-- write: json and array columns
update docs set data = jsonb_set(data, '{seen}', 'true'), tags = array_append(tags, 'new'), tags[1] = 'first' where data @> '{"kind": "x"}'

-- write: by membership
update orders set status = 'cancelled' where id in (select order_id from refunds where approved) or id = any ($1)

-- write: where something is missing
update orders set shipped_at = now() where shipped_at is null and total between 10 and 20

-- write: where something is there
update orders set note = null where note is not null

-- write: two columns that differ
update customers set email = lower(email) where email <> lower(email)

-- write: old rows
delete from sessions where last_seen < now() - interval '30 days' returning id

-- write: joined delete
delete from order_items using orders where orders.id = order_items.order_id and orders.status = 'cancelled'

-- write: without counterpart
delete from products p where not exists (select 1 from order_items i where i.product_id = p.id)

-- write: duplicates but the first
delete from users a using users b where a.email = b.email and a.id > b.id

-- write: by position in a window
delete from logs where id in (select id from (select id, row_number() over (partition by host order by at desc) as n from logs) x where n > 100)

-- write: moved rows
with gone as (delete from inbox where read_at < $1 returning *) insert into archive select * from gone

-- write: three changes in one statement
with paid as (update invoices set paid = true where id = $1 returning id, total), booked as (
  insert into ledger (invoice_id, amount) select id, total from paid returning id) select p.id, b.id from paid p, booked b

-- write: synchronise with merge
merge into stock s using deliveries d on s.sku = d.sku
when matched and d.qty = 0 then delete
when matched then update set qty = s.qty + d.qty
when not matched and d.qty > 0 then insert (sku, qty) values (d.sku, d.qty)
when not matched then do nothing

-- write: merge from a query
merge into balances as b using (select account_id, sum(amount) as total from postings group by account_id) as p
on b.account_id = p.account_id when matched then update set total = p.total when not matched then insert values (p.account_id, p.total)

-- write: text patterns
delete from users where email like '%@spam.example' and not verified

-- write: pairs
update prices set price = price * 0.9 where (sku, region) in (('A1', 'EU'), ('B2', 'US'))

-- write: by json
delete from events where payload ->> 'kind' = 'test' and (payload ->> 'at')::timestamptz < now()
