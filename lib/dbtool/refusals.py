"""Every reason why a statement is refused: a stable code, its sentence, and what would be allowed instead."""

from typing import NamedTuple

from lib.errors import ConfirmationStale, QueryMalformed, QueryRefused


class Reason(NamedTuple):
    """Why a statement is refused, and what would be allowed instead: a sentence each.

    `by_catalog` says that the catalog has a say in it: one read afresh may allow what an older one did not know.
    """

    sentence: str
    allowed: str
    by_catalog: bool = False


_ASCII = "Outside quotes: ASCII letters, digits, underscores, blanks and line ends."
_AGAIN = "The same with dry_run: true; then again with dry_run: false and the token it answered."
_PLAIN_STRING = "Write the text as one plain string: '…', with '' for a quote in it."

CODES: dict[str, Reason] = {
    # What is sent
    "empty": Reason("There is no statement.", "One SELECT, INSERT, UPDATE, DELETE or MERGE."),
    "too_long": Reason("The statement is longer than 40,000 bytes.", "Send values as parameters: $1, $2 …"),
    "not_text": Reason("The statement is not text that can be written in UTF-8.", "Send plain UTF-8 text."),
    "control_character": Reason("There is a control character in the statement.", _ASCII),
    "unicode_blank": Reason("There is a blank or an invisible character that only looks like one.", _ASCII),
    "more_than_one_statement": Reason("There is more than one statement.", "Send one statement per request."),
    # How it is spelled
    "unexpected_character": Reason("There is a character that has no meaning in PostgreSQL here.", _ASCII),
    "dollar_in_name": Reason("There is a dollar sign in a name without quotes.", "Put the name in double quotes."),
    "unclosed": Reason("A string, a quoted name or a comment does not end.", "Close what was opened."),
    "unicode_escape": Reason("Strings and names with U& are not accepted.", "Write the characters themselves."),
    "string_escape": Reason("An escape in this string has no plain spelling.", _PLAIN_STRING),
    "adjacent_strings": Reason("Two strings stand side by side.", "Write one string, or join two with ||."),
    "name_length": Reason("A name is empty.", "Names of 1 to 63 bytes."),
    "number": Reason("A number runs into other characters.", "Put a blank behind the number."),
    "parameter": Reason("A parameter has no number between 1 and 1,000.", "Parameters are written $1, $2 …"),
    "operator": Reason("This operator is not one of PostgreSQL's own.", "PostgreSQL's and pgvector's operators."),
    "brackets": Reason("A bracket has no partner.", "Close each bracket with its own kind."),
    # How large it is
    "too_many_tokens": Reason("The statement has too many words and marks.", "Send values as parameters: $1, $2 …"),
    "too_deep": Reason("The statement is nested too deeply.", "Use fewer levels, or name parts with WITH."),
    "too_complex": Reason(
        "The statement takes too long to judge.", "Fewer elements, or fewer array brackets and joins inside each other."
    ),
    "too_long_chain": Reason("The same mark follows itself too often.", "Use fewer of them in a row."),
    # EXPLAIN
    "explain_analyze": Reason("EXPLAIN ANALYZE runs the statement.", "EXPLAIN without ANALYZE."),
    "explain_option": Reason(
        "This option of EXPLAIN is not accepted.",
        "The options VERBOSE, COSTS, SETTINGS, GENERIC_PLAN, BUFFERS, SUMMARY, MEMORY and FORMAT.",
    ),
    "explain_nested": Reason("EXPLAIN stands before another EXPLAIN.", "EXPLAIN once."),
    # What it does
    "syntax": Reason("PostgreSQL's grammar does not know this statement.", "One statement in PostgreSQL's own SQL."),
    "statement": Reason("Statements of this kind are not run.", "SELECT, INSERT, UPDATE, DELETE and MERGE."),
    "not_allowed": Reason("A part of this statement is not accepted.", "The ordinary parts of queries and writes."),
    "select_into": Reason("SELECT INTO makes a table.", "SELECT without INTO."),
    "row_lock": Reason("FOR UPDATE and FOR SHARE lock rows.", "SELECT without a locking clause."),
    "cursor": Reason("There is no cursor whose current row could be meant.", "A condition on columns."),
    "function": Reason(
        "This function is not on the list of functions without side effects.",
        "PostgreSQL's own functions that compute from their arguments, without a schema or with pg_catalog.",
        by_catalog=True,
    ),
    "function_as_attribute": Reason(
        "This is no known column, so PostgreSQL may take it for a function call.",
        "Columns of the tables named.",
        by_catalog=True,
    ),
    "operator_name": Reason("Operators are not named with a schema.", "The operator itself: a + b."),
    "type": Reason(
        "Values are not cast to this type.", "PostgreSQL's ordinary types and the database's enums.", by_catalog=True
    ),
    "system_table": Reason("The system's own tables are not read.", "Application tables and information_schema."),
    "schema": Reason(
        "This schema is not one that can be read here.", "Tables of the application's schemas.", by_catalog=True
    ),
    "read_only_schema": Reason("information_schema is only read.", "Writes to the application's tables."),
    "no_condition": Reason("An UPDATE or DELETE without WHERE changes every row.", "A WHERE on the table's columns."),
    "constant_condition": Reason(
        "This condition is the same for every row of the table, or can be.",
        "A condition that compares columns of the changed table with something else, and no OR beside it.",
        by_catalog=True,
    ),
    "parsers_disagree": Reason(
        "Two independent parsers do not read this statement alike.", "The same, written in simpler SQL."
    ),
    "too_large": Reason(
        "The constants of this statement make values of more than a million characters.", "Smaller numbers."
    ),
    "too_slow": Reason("Judging this statement takes too long.", "A shorter or flatter statement."),
    # How it is sent, tried and confirmed
    "parameters": Reason(
        "The parameters are not those that the statement takes.",
        "One value in `params` for each of $1, $2 …, without U+0000 and halves of surrogate pairs.",
    ),
    "too_many_rows": Reason("The statement changes too many rows.", "A narrower condition."),
    "confirm_required": Reason("A write is executed only with the confirm token of its own dry run.", _AGAIN),
    "confirm_unused": Reason("Nothing is confirmed here.", "The same without confirm; a write with dry_run: false."),
    "confirm_mismatch": Reason(
        "The token was not issued for this statement, these parameters and this caller.", _AGAIN
    ),
    "confirm_expired": Reason("The token is too old.", _AGAIN),
    "confirm_used": Reason("This confirm token was used before.", _AGAIN),
    "rows_changed": Reason("The statement would now change another number of rows: nothing was changed.", _AGAIN),
    "no_acceptable_sql": Reason(
        "The model has written no statement that may run.",
        "Ask in other words, name the tables that are meant, or send SQL to /db/query.",
    ),
}

# What the server would find, too: to the caller it is an error of the database, with its SQLSTATE.
_MALFORMED = frozenset({"syntax", "unclosed", "brackets"})
_SYNTAX_ERROR = "42601"


def refused(
    code: str, position: int | None = None, detail: str | None = None, *, allowed: str | None = None
) -> QueryRefused:
    """The refusal `code`, at `position` where one is to blame: characters from 1 in the text as sent.

    `detail` and `allowed` replace its own sentences.
    """
    reason = CODES[code]
    where = {} if position is None else {"position": position}
    more = {"code": code, **where, "allowed": allowed or reason.allowed}
    if code in _MALFORMED:
        return QueryMalformed(detail or reason.sentence, sqlstate=_SYNTAX_ERROR, **more)
    return QueryRefused(detail or reason.sentence, **more)


def stale(code: str, detail: str | None = None) -> ConfirmationStale:
    """What has become of a confirmation that was good once; `detail` replaces the sentence of its code."""
    reason = CODES[code]
    return ConfirmationStale(detail or reason.sentence, code=code, allowed=reason.allowed)


def miscounted(taken: int, sent: int) -> str:
    """What to say of a statement that is sent with another number of parameters than it takes: `takes …`."""
    return f"takes {taken} parameter{'' if taken == 1 else 's'}, not {sent}"
