"""The house rules that a reviewer would say twice."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib import db, errors

ROOT = Path(__file__).parent.parent
CODE = [path for room in ("api", "lib") for path in sorted((ROOT / room).rglob("*.py"))]
FUNCTION_FILES = sorted([*(ROOT / "sql" / "functions").glob("*.sql"), *(ROOT / "sql" / "vector").glob("[a-z]*.sql")])
TABLE_FILES = [*(ROOT / "sql" / "tables").glob("*.sql"), *(ROOT / "sql" / "vector").glob("0*.sql")]
README = (ROOT / "README.md").read_text()


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_files_have_at_most_300_lines():
    assert [str(path) for path in CODE if lines(path) > 300] == []


def test_functions_have_at_most_40_lines():
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path in CODE
        for node in functions(path)
        if (node.end_lineno or 0) - node.lineno + 1 > 40
    ]
    assert long == []


def test_every_module_says_what_it_is_for():
    assert [str(path) for path in CODE if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_every_public_function_says_what_it_promises():
    silent = [
        f"{path}:{node.lineno} {node.name}"
        for path in CODE
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert silent == []


def test_api_has_at_most_12_files_of_at_most_40_lines_that_end_in_an_app():
    files = sorted((ROOT / "api").glob("*.py"))
    assert 0 < len(files) <= 12
    assert [path.name for path in files if lines(path) > 40] == []
    for path in files:
        last = ast.parse(path.read_text()).body[-1]
        assert isinstance(last, ast.Assign), path
        assert isinstance(last.targets[0], ast.Name), path
        assert last.targets[0].id == "app", path


def test_each_sql_function_file_is_one_function_of_that_name_with_a_promise_first():
    for path in FUNCTION_FILES:
        text = path.read_text()
        assert re.findall(r"create or replace function ratchet\.(\w+)", text) == [path.stem], path
        assert text.startswith("-- "), path
        assert lines(path) <= 80, path
        body = re.search(r"as \$\$\n(.*?)\$\$;", text, re.DOTALL)
        assert body, path
        assert body[1].count("\n") <= 60, path


def test_sql_is_lower_case_and_static():
    for path in [*FUNCTION_FILES, *TABLE_FILES]:
        code = re.sub(r"--.*|'(?:[^']|'')*'", "", path.read_text())
        assert not re.search(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE)\b", code), path
        assert not re.search(r"\bexecute\b", code), path


def test_only_the_store_speaks_sql():
    ours, speaks = re.compile(r"\bratchet\.\w+"), re.compile(r"\bratchet\.\w+|\.execute\(")
    allowed = {"lib/migrate.py", "lib/db.py"}
    loud = [
        name
        for path in CODE
        if not (name := str(path.relative_to(ROOT))).startswith(("lib/store/", "lib/dev/"))
        # the database tool speaks to the user's tables, and never to ours
        if name not in allowed and (ours if name.startswith("lib/dbtool/") else speaks).search(path.read_text())
    ]
    assert loud == []


def error_classes() -> list[type[errors.RatchetError]]:
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.RatchetError) and value is not errors.RatchetError
    ]


def test_sql_and_python_know_the_same_error_codes():
    raised = {code for path in FUNCTION_FILES for code in re.findall(r"errcode = '(WF\d+)'", path.read_text())}
    assert raised == set(db.ERRORS)


@pytest.mark.parametrize("error", error_classes(), ids=lambda error: error.__name__)
def test_every_error_has_a_sentence_and_a_use(error: type[errors.RatchetError]):
    assert error.__doc__
    assert error.__doc__.strip().endswith(".")
    assert error.__name__ in (errors.__doc__ or "")
    used = (
        any(re.search(rf"\b{error.__name__}\b", path.read_text()) for path in CODE if path.name != "errors.py")
        or any(
            f"'{error.__dict__['sqlstate']}'" in path.read_text()
            for path in FUNCTION_FILES
            if error.__dict__.get("sqlstate")  # its own, not one that it inherits
        )
        or any(issubclass(other, error) and other is not error for other in error_classes())
    )
    assert used


def test_readme_names_every_setting():
    prefixes = "RATCHET_|VERCEL_|CRON_|DATABASE_|POSTGRES_|DB_TOOL_|AI_"
    names = set(re.findall(rf'"((?:{prefixes})\w+)"', (ROOT / "lib/config.py").read_text()))
    assert {name for name in names if name not in README} == set()


def test_readme_names_every_url():
    import json

    for rewrite in json.loads((ROOT / "vercel.json").read_text())["rewrites"]:
        source = re.sub(r":(\w+)(\([^)]*\))?", lambda match: "{id}", rewrite["source"])
        if source.startswith("/api"):
            continue
        assert source.split("/{id}")[0] in README, source


def test_every_rewrite_leads_to_a_file():
    import json

    for rewrite in json.loads((ROOT / "vercel.json").read_text())["rewrites"]:
        target = rewrite["destination"].split("?")[0].lstrip("/")
        assert (ROOT / f"{target}.py").exists() or (ROOT / "public" / target).exists(), rewrite


def test_every_requirement_is_pinned_and_says_why():
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            assert re.fullmatch(r"[A-Za-z0-9._-]+(\[\w+\])?==[\w.]+\s+# .{20,}", line), line


def test_no_second_build_definition():
    assert not (ROOT / "pyproject.toml").exists(), "it would beat requirements.txt silently on the platform"
