"""What the fuzzer starts from: statements on the rental schema, and what it puts into them."""

from pathlib import Path

_CASES = Path(__file__).parent / "cases"

STATEMENTS = (_CASES / "fuzz_seeds.txt").read_text().splitlines()
FRAGMENTS = (_CASES / "fuzz_fragments.txt").read_text().splitlines()

COMMENTS = (
    "/**/", "/*/**/ --*/", "/* x */", "/*x*//*/**/ --*/", "--\n", "-- '\r", "/* ' */", "/* /* */ */", "--\\\n", "/*",
    "*/", "/* -- */", "-- /*\n", '/* " */', "/*/*/**/*/*/", "--\r\n", "/***/", "/* $$ */", "-- $a$\n", "/*;*/",
)  # fmt: skip
BLANKS = (
    " ", "\t", "\n", "\r", "\f", "\v", "\x00", "\x1a", "\x7f", "\x85", "\xa0", "\u2003", "\u200b", "\u2028", "\u202e",
    "\u3000", "\ufeff", "\U000e0041",
)  # fmt: skip
GLUE = (
    "-", "--", "+", "@", "@-", "*", "/", "/*", "::", ":=", "=>", ":", "..", ".", "$1", "$$", "$a$", "'", "''", '"',
    '""', "E'", "e'\\'", "U&'", 'U&"', "B'", "N'", "\\", "`", "?", "#", "~", "!", "|", "||", "%", "^", "<", ">", "=",
    "&", "(", ")", "[", "]", ",", ";", "ä", "ſ", "1", "0x", "_1", "e5",
)  # fmt: skip
BURIALS = (
    "({})", "(({}))", "(select {})", "array[{}]", "row({})", "({}, {})", "lower({})", "coalesce({}, {})", "{}::text",
    "cast({} as text)", "case when {} then {} end", "not {}", "({}).lower", "({}).leave_mark", "leave_mark({})",
    "nullif({}, {})", "exists (select {})", "any (array[{}])", "({} is null)", "({})[1]", "@ {}", "{} collate \"C\"",
    "{}::marked", "marked {}", "({}).marked",
    "marked({})", "json_object('a' : {})", "{} over ()", "{} filter (where {})", "interval {}",
    "variadic {}", "what => {}", "{} between {} and {}", "(with q as (select {}) table q)", "(values ({}))",
    "greatest({}, {})", "({} || '')", "({} = {})", "extract(year from {})", "({} limit 1)", "({} for update)",
)  # fmt: skip
DRESSES = (
    "pg_catalog.{}", "rental.{}", "public.{}", "{}.{}", "{}.leave_mark", "{}.*", "({}).*", '"{}"', "{} as {}",
    "only {}", "pg_{}", "{}_x", "lateral {}", "rows from ({})", "pg_temp.{}", "{} tablesample system (50)", "{} (a, b)",
    "leave_mark", "check_bike", "pg_authid", "{} with ordinality", "information_schema.{}", "recursive {}",
    "materialized {}", "{} returning {}", "{} for update", "{} into {}", "{} on conflict do nothing", "all {}",
    "distinct {}", "rental.{}.check_bike", "natural join {}", "{} cross join {}", "{} using (bike_id)",
)  # fmt: skip
CONDITIONS = (
    " true or ", " false and ", " not ", " 1 = 1 and ", " $1 or ", " (select true) or ", " null is null or ",
    " leave_mark('x') is not null and ", " exists (select leave_mark('x')) or ", " bike_id = bike_id or ", " (",
    " current of c and ", " member_id in (select leave_mark('x')::int) and ", " fee between fee and fee or ",
    " ('a' <<>> 'b') or ",
)  # fmt: skip
