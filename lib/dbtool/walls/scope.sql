-- What every query of this folder begins with: what was asked for (settings of the transaction), and what it means here.
with recursive wish as (
  select
    current_setting('db_tool.reader') as reader,
    current_setting('db_tool.writer') as writer,
    current_setting('db_tool.login') as login,
    array(select json_array_elements_text(current_setting('db_tool.schemas')::json)) as schemas,
    array(select json_array_elements_text(current_setting('db_tool.hide')::json)) as hide,
    array(select json_array_elements_text(current_setting('db_tool.show')::json)) as show,
    array(select json_array_elements_text(current_setting('db_tool.writable')::json)) as writable
),
login as (  -- the login that is examined
  select r.*, r.rolname = w.writer as is_writer from pg_roles r join wish w on r.rolname = w.login
),
tool as (  -- both logins
  select r.oid, r.rolname from pg_roles r join wish w on r.rolname in (w.reader, w.writer)
),
others as (  -- who may have lived on what everybody has: gets it back by name when it is taken from everybody
  select r.oid, r.rolname from pg_roles r, wish w
  where not r.rolsuper and r.rolname !~ '^pg_' and r.rolname not in (w.reader, w.writer)
),
app_schema as (
  select n.oid, n.nspname from pg_namespace n
  where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ratchet')
),
meant_schema as (  -- those that were named; else those of who runs this, without what hosting platforms bring along
  select n.oid, n.nspname from app_schema n join pg_namespace o on o.oid = n.oid cross join wish w
  where case
    when w.schemas <> '{}' then n.nspname = any (w.schemas)
    else (pg_has_role(o.nspowner, 'usage') or n.nspname = 'public') and n.nspname !~ '^_?timescaledb_'
      and n.nspname not in ('auth', 'cron', 'extensions', 'graphql', 'graphql_public', 'net', 'neon_auth', 'pgbouncer',
        'pgsodium', 'pgsodium_masks', 'realtime', 'storage', 'supabase_functions', 'supabase_migrations', 'vault')
  end
),
relation as (
  select c.oid, c.relkind, c.relacl, c.relowner, c.reloptions, n.nspname, c.relname, format('%I.%I', n.nspname, c.relname) as name
  from pg_class c join app_schema n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and not exists (select from pg_depend d where (d.classid, d.objid, d.deptype) = ('pg_class'::regclass, c.oid, 'e'))
),
col as (  -- a number or a date that is called a secret is none; a text is, unless it was shown on purpose
  select r.oid, r.name, a.attnum, a.attname, a.attgenerated, a.attacl,
    array[r.relname || '.' || a.attname, r.nspname || '.' || r.relname || '.' || a.attname] && w.hide or (
      t.typcategory not in ('B', 'D', 'N', 'T', 'E')
      and lower(a.attname) ~ 'password|passwd|passphrase|passcode|credential|secrets?(_|$)|(api|access|private|secret|signing|encryption)_?key|token$|(^|_)(pass|pwd|hash|salt|tokens?|otp|totp|pin|cvv|cvc|ssn|iban)(_|$)'
      and not array[r.relname || '.' || a.attname, r.nspname || '.' || r.relname || '.' || a.attname] && w.show
    ) as hidden
  from relation r join pg_attribute a on a.attrelid = r.oid join pg_type t on t.oid = a.atttypid cross join wish w
  where a.attnum > 0 and not a.attisdropped
),
routine as (  -- functions and procedures that can be called: not those that only the server itself calls
  select p.oid, p.proname, p.prokind, p.proacl, p.proowner, p.prosecdef, p.provolatile, p.pronamespace, n.nspname,
    coalesce(e.extname, '') as extension, p.oid::regprocedure::text as signature
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  left join pg_depend d on (d.classid, d.objid, d.deptype) = ('pg_proc'::regclass, p.oid, 'e')
  left join pg_extension e on e.oid = d.refobjid
  where n.nspname not in ('pg_catalog', 'information_schema')
    and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype, 'language_handler'::regtype, 'fdw_handler'::regtype,
      'index_am_handler'::regtype, 'table_am_handler'::regtype, 'tsm_handler'::regtype, 'internal'::regtype)
    and not 'internal'::regtype = any (p.proargtypes)
),
app_routine as (
  select r.* from routine r join app_schema n on n.oid = r.pronamespace where r.extension = ''
),
public_routine as (  -- what everybody may call, where they may look: a schema's doors count
  select r.*, array(
    select o.rolname from others o where o.oid <> r.proowner and has_schema_privilege(o.oid, r.pronamespace, 'usage') order by 1
  ) as users
  from routine r
  where exists (select from aclexplode(coalesce(r.proacl, acldefault('f', r.proowner))) a
    where a.grantee = 0 and a.privilege_type = 'EXECUTE')
),
called as (  -- what the definitions of views call
  select w.ev_class as view, f.oid as routine
  from relation v join pg_rewrite w on w.ev_class = v.oid
  cross join lateral regexp_matches(w.ev_action::text, ':(funcid|opno|aggfnoid|winfnoid) (\d+)', 'g') as m
  left join pg_operator o on m[1] = 'opno' and o.oid = m[2]::oid
  join pg_proc f on f.oid = coalesce(o.oprcode::oid, m[2]::oid)
  where v.relkind = 'v'
),
acting_view as (
  select distinct c.view, p.oid::regprocedure::text as calls
  from called c join pg_proc p on p.oid = c.routine
  where p.provolatile = 'v' and not (p.pronamespace = 'pg_catalog'::regnamespace and p.proname in (
    'random', 'random_normal', 'clock_timestamp', 'statement_timestamp', 'timeofday', 'gen_random_uuid', 'uuidv4', 'uuidv7'))
),
leaking_view as (  -- shows with its owner's rights what is hidden: itself, or through another view
  select v.oid as view, c.name || '.' || quote_ident(c.attname) as shows
  from relation v join pg_rewrite w on w.ev_class = v.oid
  join pg_depend d on (d.classid, d.objid, d.refclassid) = ('pg_rewrite'::regclass, w.oid, 'pg_class'::regclass)
  join col c on c.oid = d.refobjid and c.attnum = d.refobjsubid
  where v.relkind in ('v', 'm') and d.refobjid <> v.oid and c.hidden
    and not coalesce(v.reloptions && array['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false)
  union
  select w.ev_class, l.shows
  from leaking_view l join pg_depend d on (d.refclassid, d.refobjid, d.classid) = ('pg_class'::regclass, l.view, 'pg_rewrite'::regclass)
  join pg_rewrite w on w.oid = d.objid
  where w.ev_class <> l.view
),
shown as (  -- the tables and views that the logins may see
  select r.* from relation r join meant_schema n on n.nspname = r.nspname
  where r.relkind <> 'f' and r.oid not in (select view from leaking_view) and r.oid not in (select view from acting_view)
),
writable as (
  select r.* from shown r cross join wish w
  where r.relkind in ('r', 'p') and (w.writable = '{}' or array[r.relname::text, r.nspname || '.' || r.relname] && w.writable)
),
stored_expression as (  -- what runs when somebody else writes or reads: defaults, checks, generated columns, indexes, policies
  select e.classid, e.objid, false as reading
  from writable t join (
    select 'pg_attrdef'::regclass as classid, oid as objid, adrelid as relation from pg_attrdef
    union all select 'pg_constraint'::regclass, oid, conrelid from pg_constraint where contype in ('c', 'x')
    union all select 'pg_constraint'::regclass, k.oid, a.attrelid
      from pg_constraint k join pg_attribute a on a.atttypid = k.contypid where k.contypid <> 0
    union all select 'pg_class'::regclass, indexrelid, indrelid from pg_index
    union all select 'pg_class'::regclass, partrelid, partrelid from pg_partitioned_table
    union all select 'pg_trigger'::regclass, oid, tgrelid from pg_trigger where tgqual is not null
  ) e on e.relation = t.oid
  union all
  select 'pg_policy'::regclass, p.oid, true from shown s join pg_policy p on p.polrelid = s.oid
),
risky_builtin as (  -- the server's own functions that act, or that run SQL from a text, and that anybody may call
  select p.oid, p.proname, p.oid::regprocedure::text as signature
  from pg_proc p
  where p.pronamespace = 'pg_catalog'::regnamespace and (p.provolatile = 'v' or p.proname ~ '_to_xml|^ts_(stat|rewrite)$')
    and p.proname not in ('random', 'random_normal', 'clock_timestamp', 'timeofday', 'gen_random_uuid', 'uuidv4', 'uuidv7',
      'nextval', 'currval', 'lastval', 'pg_is_in_recovery', 'txid_current_if_assigned', 'pg_current_xact_id_if_assigned')
    and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
    and p.prorettype::regtype::text !~ 'handler$' and not 'internal'::regtype = any (p.proargtypes)
    and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
      where a.grantee = 0 and a.privilege_type = 'EXECUTE')
)
