"""Values: restored as JSON, or as the text that the server writes; parameters in the types the statement gives them."""

import pytest

from lib.errors import QueryRefused
from tests.dbtool.conftest import ToolDatabase
from tests.dbtool.test_reading import ask, value

pytestmark = pytest.mark.anyio


@pytest.fixture
def tool(kept_tool: ToolDatabase) -> ToolDatabase:
    """No test here changes anything, so one database serves them all."""
    return kept_tool


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("1", 1),
        ("9007199254740993::bigint", 9007199254740993),
        ("1.50::numeric(8,2)", "1.50"),
        ("0.1::float8", 0.1),
        ("'NaN'::float8", "NaN"),
        ("'-Infinity'::float4", "-Infinity"),
        ("true", True),
        ("null::boolean", None),
        ("null::jsonb", None),
        ("'null'::jsonb", None),
        ("'{\"a\": [1, 2.5, null]}'::jsonb", {"a": [1, 2.5, None]}),
        ("'1e999'::json", "1e999"),
        ("''", ""),
        ("'ab'::char(4)", "ab  "),
        ("'x'::\"char\"", "x"),
        ("'\\x00ff'::bytea", "\\x00ff"),
        ("date '2025-02-03'", "2025-02-03"),
        ("interval '1 day 2 hours'", "1 day 02:00:00"),
        ("'10.0.0.1'::inet", "10.0.0.1"),
        ("point(1,2)", "(1,2)"),
        ("int4range(1, 5)", "[1,5)"),
        ("array[1, null, 3]", [1, None, 3]),
        ("array[[1,2],[3,4]]", [[1, 2], [3, 4]]),
        ("'[0:1]={7,8}'::int[]", [7, 8]),
        ("'{}'::text[]", []),
        ("array['a b', 'NULL', null, '', 'q\"\\', '{x,y}']", ["a b", "NULL", None, "", 'q"\\', "{x,y}"]),
        ("array[true, false]", [True, False]),
        ("array['{\"a\": 1}'::jsonb]", [{"a": 1}]),
        ("array[box '((0,0),(1,1))', box '((2,2),(3,3))']", "{(1,1),(0,0);(3,3),(2,2)}"),
        ("row(1, null, 'a b')", '(1,,"a b")'),
        ("row(null, null)", "(,)"),
        ("'free'::rental.bike_state", "free"),
        ("array['free', 'lost']::rental.bike_state[]", ["free", "lost"]),
        ("'AB123'::rental.plate", "AB123"),
        ("'[1,2,3]'::public.vector(3)", "[1,2,3]"),
        ("'1 2'::int2vector", "1 2"),
    ],
)
async def test_a_value_comes_back_as_json_or_as_the_text_the_server_writes(
    tool: ToolDatabase, sql: str, expected: object
):
    found = await value(f"select {sql}")
    assert found == expected
    assert type(found) is type(expected)


async def test_parameters_take_the_types_that_the_statement_gives_them(tool: ToolDatabase):
    answer = await ask(
        "select $1::int + 1, $2::text, $3::jsonb, $4::date, n = any($5), $6::jsonb, $7::boolean, $8::numeric, $9::text"
        " from (values (2)) t(n)",
        41, "it's", {"a": [1]}, "2025-01-02", [1, 2], [1, {"b": None}], True, 1.25, None,
    )  # fmt: skip
    assert answer.rows == [[42, "it's", {"a": [1]}, "2025-01-02", True, [1, {"b": None}], True, "1.25", None]]


async def test_lists_are_arrays_of_the_type_that_is_wanted(tool: ToolDatabase):
    answer = await ask(
        "select $1::text[], $2::rental.bike_state[], $3::int[], $4::public.vector(3)",
        ["a,b", 'q"\\', None, ""], ["free"], [[1, 2], [3, 4]], [1, 2, 3],
    )  # fmt: skip
    assert answer.rows == [[["a,b", 'q"\\', None, ""], ["free"], [[1, 2], [3, 4]], "[1,2,3]"]]


@pytest.mark.parametrize("parameters", [(), (1, 2)])
async def test_as_many_parameters_as_the_statement_names(tool: ToolDatabase, parameters: tuple[int, ...]):
    with pytest.raises(QueryRefused) as refusal:
        await ask("select $1::int", *parameters)
    assert refusal.value.extra["code"] == "parameters"


@pytest.mark.parametrize("text", ["a\0b", "half \ud800"])
async def test_a_parameter_that_the_server_cannot_keep_is_refused(tool: ToolDatabase, text: str):
    with pytest.raises(QueryRefused) as refusal:
        await ask("select $1::text", text)
    assert refusal.value.extra["code"] == "parameters"
