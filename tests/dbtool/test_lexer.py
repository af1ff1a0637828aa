"""What the lexer makes of a statement, and what it does not let in."""

import contextlib
import sys
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.dbtool import limits
from lib.dbtool.gate import MAX_BYTES
from lib.dbtool.lexer import lex
from lib.dbtool.refusals import CODES
from lib.errors import QueryRefused
from tests.dbtool.fuzz import check_lexer, tree
from tests.dbtool.seeds import STATEMENTS


def refusal(sql: object) -> tuple[str, int]:
    with pytest.raises(QueryRefused) as raised:
        lex(sql)
    assert raised.value.extra["allowed"] == CODES[raised.value.extra["code"]].allowed
    return raised.value.extra["code"], raised.value.extra["position"]


@pytest.mark.parametrize(
    ("sent", "canonical"),
    [
        ("select  1 ;", "select 1"),
        ("select 1; -- done\n;", "select 1"),
        ("select/**/1", "select 1"),
        ("select 1 /* a /* b */ c */ + 2", "select 1 + 2"),
        ("select 1 /*/**/ --*/ , f()", "select 1 , f()"),
        ("select 1 -- a\r, 2", "select 1 , 2"),
        ("select\f1", "select 1"),
        ("select count(*), t.* from t", "select count(*), t.* from t"),
        ("select a<-1", "select a < - 1"),
        ("select a<@b, c@>d", "select a <@ b, c @> d"),
        ("select 2*-3", "select 2 * - 3"),
        ("select a->>'b'", "select a ->> 'b'"),
        ("select 'it''s'", "select 'it''s'"),
        (r"select 'a\'", r"select 'a\'"),
        (r"select E'a\'b\n\x41\102\u00e9\U0001F600\q'", "select 'a''b\nABé😀q'"),
        (r"select e'\uD83D\uDE00'", "select '😀'"),
        ("select $$it's$$, $a$ $$ $b$ $a$", "select 'it''s', ' $$ $b$ '"),
        ("select 'one'\n  'two'", "select 'onetwo'"),
        ("select N'x'", "select nchar 'x'"),
        ("select b'01', x'fF'", "select B'01', X'fF'"),
        ("select date'2025-01-01'", "select date '2025-01-01'"),
        ("select 0x1F, 0o17, 0b11, 1_000, 1_0.5_0e1_0, .5, 5., 007", "select 31, 15, 3, 1000, 10.50e10, .5, 5., 007"),
        ('select "Größe", "a""b"', 'select "Größe", "a""b"'),
        ("select größe, NAÏVE, ÉTÉ, имя", 'select "größe", "naÏve", "ÉtÉ", "имя"'),
        ("ѕelect 1", '"ѕelect" 1'),
        ("select 1 as नाम, x.名前", 'select 1 as "नाम", x."名前"'),
        (f"select {'a' * 64}", f"select {'a' * 63}"),
        (f'select "{"ä" * 32}", {"é" * 40}', f'select "{"ä" * 31}", "{"é" * 31}"'),
        (f'select "{'""' * 40}x"', f'select "{'""' * 40}x"'),
        ("select 'zero\u200bwidth and\xa0nbsp'", "select 'zero\u200bwidth and\xa0nbsp'"),
        ("select f(a := 1, b => 2)", "select f(a => 1, b => 2)"),
        ("select $01 + $2", "select $1 + $2"),
        ("select a[1:2]", "select a[1:2]"),
        ("select x::int[]", "select x::int[]"),
    ],
)
def test_says_a_statement_in_one_plain_spelling(sent, canonical):
    assert lex(sent).text == canonical
    assert lex(canonical).text == canonical


@pytest.mark.parametrize(
    ("sql", "code", "position"),
    [
        (None, "not_text", 1),
        ("select '\ud800'", "not_text", 9),
        ("", "empty", 1),
        (" /* x */ ;; -- y", "empty", 1),
        ("select 1; select 2", "more_than_one_statement", 9),
        ("; select 1", "more_than_one_statement", 1),
        ("select 1\x00", "control_character", 9),
        ("select '\x01'", "control_character", 9),
        ("select\xa01", "unicode_blank", 7),
        ("select 1 -- a\u2028b", "unicode_blank", 14),
        ("select /* \u202e */ 1", "unicode_blank", 11),
        ("\ufeffselect 1", "unicode_blank", 1),
        ("select gr\u200böße", "unicode_blank", 10),
        ("select é\xa0, 1", "unicode_blank", 9),
        ("select a→b", "unexpected_character", 9),
        ("select né$1", "dollar_in_name", 8),
        ("select a$b", "dollar_in_name", 8),
        ("select $a", "unexpected_character", 8),
        ("select $ä$x$ä$", "unexpected_character", 8),
        ("select 1 \\g", "unexpected_character", 10),
        ("select 'a", "unclosed", 8),
        (r"select E'a''\' , f() --", "unclosed", 8),
        ('select "a', "unclosed", 8),
        ("select $a$ $b$", "unclosed", 8),
        ("select /* /* */", "unclosed", 8),
        ("select U&'a'", "unicode_escape", 8),
        ('select u&"a"', "unicode_escape", 8),
        (r"select E'\000'", "string_escape", 10),
        (r"select E'a\xff'", "string_escape", 11),
        (r"select E'\uD800'", "string_escape", 10),
        (r"select E'\uZ'", "string_escape", 10),
        (r"select E'\v'", "string_escape", 10),
        ("select B'2'", "string_escape", 8),
        ("select 'a' 'b'", "adjacent_strings", 12),
        ("select 'a' -- x\n'b'", "adjacent_strings", 17),
        ("select E'a'\n'\\', ' , f() , ' --'", "adjacent_strings", 13),
        ('select ""', "name_length", 8),
        ("select 1a", "number", 8),
        ("select 1.2.3", "number", 8),
        ("select 0x", "number", 8),
        ("select 1..2", "number", 8),
        (f"select 0x{'f' * 100}", "number", 8),
        ("select $0", "parameter", 8),
        ("select $1a", "parameter", 8),
        ("select $1001", "parameter", 8),
        ("select 'a' === 'b'", "operator", 12),
        ("select @-1", "operator", 8),
        ("select `a`", "operator", 8),
        ("select (1", "brackets", 8),
        ("select (1]", "brackets", 10),
        ("select 1)", "brackets", 9),
        ("select " + "(" * 41 + "1" + ")" * 41, "too_deep", 48),
        ("select " + "case when " * 41, "too_deep", 408),
        ("select " + "not " * 41 + "true", "too_deep", 168),
        ("select x" + "[1]" * 9, "too_long_chain", 33),
        ("select 1" + "::int" * 301, "too_long_chain", 1509),
        ("select 1" + " union select 1" * 301, "too_long_chain", 4510),
    ],
)
def test_refuses_at_the_place_where_it_goes_wrong(sql, code, position):
    assert refusal(sql) == (code, position)


@pytest.mark.parametrize("sql", STATEMENTS)
def test_postgres_reads_the_canonical_text_as_it_reads_what_was_sent(sql):
    assert check_lexer(sql) is not None


SNIPPETS = st.sampled_from(
    [
        *"'\"$-/*\\()[].,;:@+<>=|&%!?#~ \n\r\t",
        *(
            "''",
            '""',
            "$$",
            "$a$",
            "--",
            "/*",
            "*/",
            "E'",
            "\\'",
            "::",
            ":=",
            "=>",
            "||",
            "1",
            "a",
            "x1",
            "0x1f",
            "1.5e3",
        ),
        *("select ", "ä", "\\x41", "U&", "B'", "N'", "$1", "\xa0", " 'b' ", "@>", "->>"),
    ]
)


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(st.lists(SNIPPETS, max_size=14).map("".join))
def test_no_mixture_of_quotes_comments_and_operators_is_read_in_two_ways(text):
    check_lexer(f"select {text}")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]), max_size=40))
def test_a_string_keeps_its_text_in_every_spelling(text):
    quoted = text.replace("'", "''")
    escaped = "".join(f"\\U{ord(character):08x}" for character in text)
    for spelling in (f"'{quoted}'", f"E'{escaped}'", f"$zz${text}$zz$"):
        token = lex(f"select {spelling}").tokens[1]
        assert (token.kind, token.value) == ("string", text)
        assert tree(f"select {token.text}") == tree(f"select {spelling}")
        assert repr(text) in repr(tree(f"select {token.text}"))


def test_tokens_say_where_they_stand_in_both_texts_and_how_deep():
    sent = "select  f(/* x */E'a', (\"B\" [1]))"
    lexed = lex(sent)
    assert [(t.kind, t.value, t.depth) for t in lexed.tokens] == [
        ("word", "select", 0), ("word", "f", 0), ("punctuation", "(", 0), ("string", "a", 1), ("punctuation", ",", 1),
        ("punctuation", "(", 1), ("quoted", "B", 2), ("punctuation", "[", 2), ("number", "1", 3),
        ("punctuation", "]", 2), ("punctuation", ")", 1), ("punctuation", ")", 0),
    ]  # fmt: skip
    assert [sent[t.position - 1] for t in lexed.tokens] == list('sf(E,("[1]))')
    assert "".join(lexed.text[t.start :][: len(t.text)] for t in lexed.tokens) == lexed.text.replace(" ", "")


def test_every_unicode_blank_and_format_character_is_refused_outside_quotes():
    for code in range(0x80, sys.maxunicode + 1):
        character = chr(code)
        if character.isspace() or unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cf"):
            assert refusal(f"select{character}1") == ("unicode_blank", 7), hex(code)
            assert refusal(f"select/*{character}*/1") == ("unicode_blank", 9), hex(code)


def test_every_word_that_sqlglot_takes_for_a_type_is_known_to_the_limits():
    from sqlglot.dialects.postgres import Postgres

    types = {
        word.lower()
        for phrase, kind in Postgres.tokenizer_class.KEYWORDS.items()
        if kind in Postgres.parser_class.TYPE_TOKENS and phrase.replace(" ", "").isidentifier()
        for word in phrase.split()
    }
    assert types - {"array", "interval"} <= limits._TYPES  # these two are not tried twice


@pytest.mark.parametrize(
    ("opening", "inside", "closing"),
    [
        ("array[", "1", "]"), ("date(", "now()", ")"), ("1::int[", "1", "]"), ("cast(jsonb(", "1", ") as text)"),
        ("any(array[", "1", "])"), ("a join ", "a on true", " on true"), ("(", "1", ")[1]"),
        ("x union (select ", "1", ")"),
    ],
)  # fmt: skip
def test_nothing_that_sqlglot_parses_in_exponential_time_comes_through(opening, inside, closing):
    accepted = worst = 0
    for levels in range(1, 41):
        sql = f"select 1 from a where {opening * levels}{inside}{closing * levels}"
        if "join" in sql:
            sql = "select 1 from " + "a join " * levels + "a" + " on true" * levels
        if levels > 9:
            assert refusal(sql)[0] in ("too_complex", "too_deep", "too_long_chain")
        elif levels <= 3 or lexes(sql):
            accepted, worst = levels, max(worst, work(lex(sql).text))
    assert 3 <= accepted <= 9
    assert worst < 25_000


def lexes(sql: str) -> bool:
    try:
        lex(sql)
    except QueryRefused:
        return False
    return True


def work(text: str) -> int:
    """How many function calls sqlglot needs for a text, whether it can parse it or not: the same on every machine."""
    import sqlglot

    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        sqlglot.parse(text, dialect="postgres")
    except sqlglot.errors.SqlglotError:
        calls += 1
    finally:
        sys.setprofile(None)
    return calls


def test_ordinary_bulk_comes_through_and_more_does_not():
    many = ", ".join(map(str, range(1_000)))
    assert lex(f"select * from t where id in ({many})").tokens[-2].text == "999"
    rows = ", ".join(f"({n}, 'name {n}', {n}.5)" for n in range(250))
    lex(f"insert into t (a, b, c) values {rows}")
    lex("select 1 where " + " or ".join(f"x = {n}" for n in range(400)))
    assert refusal(f"select {', '.join(['x'] * 5_000)}")[0] == "too_many_tokens"
    assert refusal("select " + ", ".join(["array[array[array[1, 2, 3]]]"] * 60))[0] == "too_complex"
    assert refusal("select '" + "x" * MAX_BYTES + "'")[0] == "too_long"
    assert refusal("select $$" + "'" * (MAX_BYTES - 20) + "$$")[0] == "too_long"


@pytest.mark.parametrize(
    "sql",
    [
        "/*" * 20_000, "'" * 39_999, '"' * 39_999, "(" * 40_000, "$" * 40_000, "E'" + "\\'" * 19_000, "-" * 39_999,
        "+" * 40_000, "select '" + "''" * 19_000, "select " + "9" * 39_000, "select 0x" + "f" * 39_000, "\n'" * 19_000,
        "select " + "'a'\n" * 9_000, "a" * 40_000, "/**/" * 10_000, "select $$" + "$a" * 19_000, "?" * 40_000 + "+",
        "select @" + "+-" * 19_000, "1_" * 20_000, "select E'" + "\\x41" * 9_000 + "'",
    ],
    ids=lambda sql: sql[:12],
)  # fmt: skip
def test_judges_the_longest_nonsense_in_linear_time(sql):
    begin = time.thread_time()
    with contextlib.suppress(QueryRefused):
        lex(sql)
    assert time.thread_time() - begin < 0.25
