"""Values made of constants: none so large that a plan would burst of it, and ordinary padding as ever."""

import pytest

from tests.dbtool.verdicts import verdict

LARGE = [
    "select repeat('x', 200000000)",
    "select pg_catalog.repeat('x', 100000000)",
    "select repeat('x', 1000 * 1000 * 10)",
    "select repeat('x', (10 ^ 9)::int)",
    "select repeat('x', '300000000'::int)",
    "select repeat('x', 1 << 28)",
    "select lpad('x', 5000000)",
    "select format('%100000000s', 'x')",
    "select format('%*s', 100000000, 'x')",
    "select 1::bit(80000000)",
    "select '1'::pg_catalog.bit(80000000)",
    "explain select 'x'::char(10000000)",
    "explain verbose select repeat(repeat('x', 1000), 2000)",
    "explain select array_fill(0, array[10000, 10000])",
    "explain select replace(repeat('a', 100000), 'a', repeat('b', 1000))",
    "explain select array_to_string(array_fill('x'::text, array[1000]), repeat('y', 100000))",
    "explain select repeat('x', (select 200000000))",
    "explain select " + " || ".join(["repeat('x', 300000)"] * 4),
    "delete from films where title = rpad('x', 3000000)",
    "insert into films values (1, repeat(repeat('x', 5000), 5000))",
]

SMALL = [
    ("select repeat('=', 40)", "read"),
    ("select repeat('#', $1)", "read"),
    ("select repeat('#', (sum(id) / 10000000)::int), repeat('#', -5 + 10 - 2) from films", "read"),
    ("select repeat('#', case when id > 5000000 then 3 else 1 end) from films", "read"),
    ("update films set title = lpad($1, $2, '0') where id = 2", "write"),
    ("select lpad(id::text, 8, '0'), rpad(title, greatest(10, 20)) from films", "read"),
    ("select repeat('#', (count(*) * 40 / max(count(*)) over ())::int) from films group by title", "read"),
    ("select format('%1$s of 20240001: %-20s', id, title) from films", "read"),
    ("select replace(title, 'a', 'b'), regexp_replace(title, '[^a-z0-9]+', '-', 'g') from films", "read"),
    ("select title::char(10), b'101'::bit(8) from films", "read"),
    ("explain select lpad(id::text, 8, '0') from films where title = repeat('a', 20)", "read"),
    ("update films set title = 'INV-' || lpad(id::text, length(title) + 6, '0') where id = 2", "write"),
    ("update films set title = replace(title, $1, $2) where id = $3", "write"),
    ("insert into films values " + ", ".join(f"({n}, rpad('x', 30))" for n in range(100)), "write"),
]


@pytest.mark.parametrize("sql", LARGE)
def test_no_statement_makes_a_huge_value_of_its_constants(sql: str):
    assert verdict(sql) == "too_large"


@pytest.mark.parametrize(("sql", "expected"), SMALL)
def test_ordinary_padding_and_replacing_pass(sql: str, expected: str):
    assert verdict(sql) == expected
