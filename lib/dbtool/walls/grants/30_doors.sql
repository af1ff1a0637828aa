-- needed: The logins may come in, and look into these schemas.
select format('grant connect on database %I to %I, %I;', current_database(), w.reader, w.writer) from wish w
union all
select format('grant usage on schema %I to %I, %I;', n.nspname, w.reader, w.writer) from meant_schema n, wish w
