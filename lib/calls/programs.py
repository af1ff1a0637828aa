"""The arguments of `run: script` and `run: shell`, read into a program that can be started.

Arguments in a list are its words; those in a map are variables of a script, and `name=value` words after a command.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.dsl import faults

type Command = list[str]

_PYTHON = """\
import json, runpy
runpy.run_path({script}, json.loads({variables}), "__main__")
"""
# Scripts are ES modules, as the specification's own are; older ones find `require` all the same.
_JAVASCRIPT = """\
globalThis.require = require;
for (const [name, value] of Object.entries(JSON.parse({variables})))
  Object.defineProperty(globalThis, name, {{ value, writable: true, configurable: true, enumerable: true }});
"""


@dataclass(frozen=True)
class Program:
    """What is to be started, and what of it its task wants to know.

    `write` puts the program into a folder and tells the command that starts it there.
    """

    write: Callable[[Path], Command]
    environment: Mapping[str, str]
    result: str
    awaited: bool


def read_shell(arguments: Any) -> Program:
    """The command of a `run: shell`, evaluated; raises a Fault."""
    command, words, variables = _text(arguments, "command"), _words(arguments), _variables(arguments)
    if variables:
        # `echo` with {--user: ann} means `echo --user=ann`; as words, so that no value becomes code
        command = command.rstrip() + ' "$@"'
        words = [name if value is None else f"{name}={_word(value)}" for name, value in variables.items()]

    def write(folder: Path) -> Command:
        _fill(folder, {"command.sh": command}, arguments)
        return ["/bin/sh", str(folder / "command.sh"), *words]

    return _program(arguments, write)


def read_script(arguments: Any) -> Program:
    """The script of a `run: script`, evaluated; raises a Fault."""
    language, code = _text(arguments, "language"), _text(arguments, "code")
    words, variables = _words(arguments), _variables(arguments)
    match language:
        case "python":
            interpreter = sys.executable or _find("python3", language)
            prepare = _python
        case "js" | "javascript":
            interpreter = _find("node", language)
            prepare = _javascript
        case _:
            raise faults.configuration(f"No scripts can be in '{language}', only in python and js.")

    def write(folder: Path) -> Command:
        files, command = prepare(folder, code, variables)
        _fill(folder, files, arguments)
        return [interpreter, *command, *words]

    return _program(arguments, write)


def _python(folder: Path, code: str, variables: Mapping[str, Any]) -> tuple[dict[str, str], Command]:
    script = str(folder / "script.py")
    if not variables:
        return {"script.py": code}, [script]
    start = _PYTHON.format(script=repr(script), variables=repr(json.dumps(variables)))
    return {"script.py": code, "start.py": start}, [str(folder / "start.py")]


def _javascript(folder: Path, code: str, variables: Mapping[str, Any]) -> tuple[dict[str, str], Command]:
    start = _JAVASCRIPT.format(variables=json.dumps(json.dumps(variables)))
    return {"script.mjs": code, "start.cjs": start}, [
        "--require",
        str(folder / "start.cjs"),
        str(folder / "script.mjs"),
    ]


def _find(name: str, language: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", os.defpath))
    if found is None:
        raise faults.configuration(f"Scripts in {language} need `{name}`, which is not on this machine's PATH.")
    return found


def _program(arguments: Mapping[str, Any], write: Callable[[Path], Command]) -> Program:
    return Program(write, _environment(arguments), arguments["return"], arguments["await"])


def _fill(folder: Path, files: Mapping[str, str], arguments: Mapping[str, Any]) -> None:
    """The program's files and its input beside an empty folder to work in."""
    (folder / "work").mkdir()
    for name, text in {**files, "stdin": _word(arguments.get("stdin"))}.items():
        (folder / name).write_bytes(text.encode(errors="replace"))


def _text(arguments: Mapping[str, Any], name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str):
        raise faults.validation(f"`{name}` must be a text.")
    return value


def _words(arguments: Mapping[str, Any]) -> list[str]:
    given = arguments.get("arguments")
    return [_word(value) for value in given] if isinstance(given, list) else []


def _variables(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    given = arguments.get("arguments")
    if not isinstance(given, None | list | dict):
        raise faults.validation("`arguments` must be a list or a map.")
    return given if isinstance(given, dict) else {}


def _environment(arguments: Mapping[str, Any]) -> dict[str, str]:
    given = arguments.get("environment") or {}
    if not isinstance(given, dict):
        raise faults.validation("`environment` must be a map.")
    return {name: _word(value) for name, value in given.items() if value is not None}


def _word(value: Any) -> str:
    """A text as it is, nothing for null, and JSON for all else."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
