"""EXPLAIN is taken off, and never runs what it explains."""

import pgparse
import pytest

from lib.dbtool.explain import split_explain
from lib.dbtool.lexer import lex
from lib.errors import QueryRefused


@pytest.mark.parametrize(
    ("sql", "options", "rest"),
    [
        ("select 1", None, "select 1"),
        ('select "explain"', None, 'select "explain"'),
        ("explain select 1", "", "select 1"),
        ("EXPLAIN VERBOSE select 1;", "verbose true", "select 1"),
        ("explain (select 1)", "", "(select 1)"),
        ("explain ((select 1) union select 2)", "", "((select 1) union select 2)"),
        ("explain (costs off) (select 1)", "costs false", "(select 1)"),
        ("explain (format json, costs 'OFF', verbose) table t", "costs false, format json, verbose true", "table t"),
        ("explain (settings 1, buffers 0, memory on, generic_plan) select $1",
         "buffers false, generic_plan true, memory true, settings true", "select $1"),
        ("explain (analyze off) select 1", "", "select 1"),
        ('explain ("analyze" true, analyze false, timing off) select 1', "", "select 1"),
        ("explain (verbose, verbose false) delete from t where id = 1", "verbose false", "delete from t where id = 1"),
    ],
)  # fmt: skip
def test_takes_a_plain_explain_apart(sql, options, rest):
    found, lexed = split_explain(lex(sql))
    assert (found, lexed.text) == (options, rest)
    assert lexed == lex(rest) or found is not None
    assert all(lexed.text[token.start :][: len(token.text)] == token.text for token in lexed.tokens)
    if found:
        assert pgparse.parse(f"explain ({found}) {rest}")


@pytest.mark.parametrize(
    ("sql", "code", "position"),
    [
        ("explain analyze select 1", "explain_analyze", 9),
        ("explain analyse verbose select 1", "explain_analyze", 9),
        ("explain (analyze) select 1", "explain_analyze", 10),
        ("explain (verbose, analyze 'on') select 1", "explain_analyze", 19),
        ("explain (analyze off, analyze on) select 1", "explain_analyze", 23),
        ('explain (analyze off, "analyze") select 1', "explain_analyze", 23),
        ("explain (analyse 1) select 1", "explain_analyze", 10),
        ("explain (analyze maybe) select 1", "explain_option", 10),
        ("explain (timing) select 1", "explain_option", 10),
        ("explain (serialize text) select 1", "explain_option", 10),
        ("explain (format 'html') select 1", "explain_option", 10),
        ("explain (format) select 1", "explain_option", 10),
        ("explain (costs - 1) select 1", "explain_option", 10),
        ("explain (VERBOSE, COSTS (1)) select 1", "explain_option", 19),
        ('explain ("VERBOSE") select 1', "explain_option", 10),
        ("explain () select 1", "explain_option", 10),
        ("explain (1) select 1", "explain_option", 10),
        ("explain explain select 1", "explain_nested", 9),
        ("explain (costs off) explain analyze select 1", "explain_nested", 21),
        ("explain", "empty", 8),
        ("explain (costs)", "empty", 16),
    ],
)
def test_refuses_an_explain_that_would_run_something_or_is_unknown(sql, code, position):
    with pytest.raises(QueryRefused) as raised:
        split_explain(lex(sql))
    assert (raised.value.extra["code"], raised.value.extra["position"]) == (code, position)


def test_what_is_explained_keeps_its_places_in_the_text_as_sent():
    sent = "explain /* why */ (costs off)\nselect  a"
    _, lexed = split_explain(lex(sent))
    assert [(token.text, sent[token.position - 1]) for token in lexed.tokens] == [("select", "s"), ("a", "a")]
