"""`python -m lib.dsl.check` says offline what publishing would say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lib.dsl.check import main

GOOD = """\
document: {dsl: 1.0.3, namespace: test, name: good, version: 0.1.0}
do:
  - ask: {call: http, with: {method: get, endpoint: "https://x.test"}, timeout: {after: PT60S}}
"""


def test_says_nothing_about_good_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "good.yaml").write_text(GOOD)
    header = {"dsl": "1.0.3", "namespace": "test", "name": "good", "version": "0.1.0"}
    (tmp_path / "good.json").write_text(json.dumps({"document": header, "do": []}))
    assert main([str(tmp_path / "good.yaml"), str(tmp_path / "good.json")]) == 0
    assert capsys.readouterr().out == ""


def test_prints_file_pointer_and_detail_of_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    wrong, broken, none = tmp_path / "wrong.yaml", tmp_path / "broken.json", tmp_path / "none.yaml"
    wrong.write_text(GOOD.replace("method: get", "methd: get"))
    broken.write_text('{"a": 1, "a": 2}')
    assert main([str(wrong), str(broken), str(none)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{wrong}: /do/0/ask/with: `method` is missing",
        f"{wrong}: /do/0/ask/with/methd: unknown property `methd`; did you mean `method`?",
        f'{broken}: /: The name "a" stands twice in one object (line 1, column 10).',
        f"{none}: /: the file cannot be read: No such file or directory",
    ]


def test_takes_the_limit_of_the_deployment(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "good.yaml").write_text(GOOD)
    assert main(["--longest-effect", "30", str(tmp_path / "good.yaml")]) == 1
    assert "at most 30 seconds here, but its timeout is 60" in capsys.readouterr().out


def test_takes_what_the_deployment_allows(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    script = GOOD.partition("do:")[0] + "do: [{r: {run: {shell: {command: ls}}}}]"
    (tmp_path / "script.yaml").write_text(script)
    assert main([str(tmp_path / "script.yaml")]) == 1
    assert "is switched off here" in capsys.readouterr().out
    assert main(["--allow-scripts", str(tmp_path / "script.yaml")]) == 0


def test_takes_schemas_that_publishing_would_fetch(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    schema = "input: {schema: {resource: {endpoint: 'https://x.test/s.json'}}}\n"
    (tmp_path / "good.yaml").write_text(GOOD + schema)
    assert main([str(tmp_path / "good.yaml")]) == 0
    (tmp_path / "wrong.yaml").write_text(GOOD + schema.replace("https", "file"))
    assert main([str(tmp_path / "wrong.yaml")]) == 1
    assert "/input/schema/resource/endpoint: must begin with http:// or https://" in capsys.readouterr().out


def test_is_a_command_with_help(tmp_path: Path):
    command = [sys.executable, "-m", "lib.dsl.check"]
    root = Path(__file__).parents[2]
    shown = subprocess.run([*command, "--help"], cwd=root, capture_output=True, text=True, check=True)
    assert "file: pointer: detail" in shown.stdout
    (tmp_path / "empty.json").write_text("[]")
    failed = subprocess.run([*command, str(tmp_path / "empty.json")], cwd=root, capture_output=True, text=True)
    assert (failed.returncode, failed.stderr) == (1, "")
