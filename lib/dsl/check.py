"""`python -m lib.dsl.check FILE…`: the checks of publishing, offline; prints `file: pointer: detail` per problem.

The SQL of `call: sql` is judged by publishing alone: the guard needs the database's catalog.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from lib import errors
from lib.dsl.reading import JSON, YAML, read
from lib.dsl.validation import validate


def main(arguments: list[str] | None = None) -> int:
    """Checks the named files; 0 if nothing is wrong, 1 if something is, 2 for a wrong command line."""
    options = _parser().parse_args(arguments)
    told = {"allow_scripts": options.allow_scripts, "functions": options.function}
    problems = [
        f"{file}: {problem['pointer'] or '/'}: {problem['detail']}\n"
        for file in options.files
        for problem in check_file(file, options.longest_effect, **told)
    ]
    sys.stdout.writelines(problems)
    return 1 if problems else 0


class Elsewhere(frozenset[str]):
    """The named functions, and all that publishing would fetch: from a catalog, or by its URL."""

    def __contains__(self, name: object) -> bool:
        """Whether a call of this function can be right."""
        return super().__contains__(name) or (isinstance(name, str) and ("://" in name or "@" in name))


def check_file(
    file: Path,
    longest_effect_seconds: float,
    *,
    allow_scripts: bool = False,
    functions: Iterable[str] = (),
) -> list[dict[str, str]]:
    """The problems of one file, also when it cannot be read at all."""
    try:
        definition = read(file.read_bytes(), JSON if file.suffix == ".json" else YAML)
    except OSError as exc:
        return [{"pointer": "", "detail": f"the file cannot be read: {exc.strerror}"}]
    except errors.RatchetError as exc:
        return [{"pointer": "", "detail": exc.detail}]
    return validate(
        definition,
        longest_effect_seconds=longest_effect_seconds,
        allow_scripts=allow_scripts,
        functions=Elsewhere(functions),
        unfetched=True,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lib.dsl.check",
        description="Check workflow documents as publishing does: structure, expressions, references, timeouts. "
        "The SQL of `call: sql` is not judged: POST /workflows?dry_run=true does that.",
        epilog="Prints `file: pointer: detail` per problem. Exits 0 if there is none, 1 if there are some.",
    )
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="*.json is JSON, all else is YAML 1.2")
    parser.add_argument(
        "--longest-effect",
        metavar="SECONDS",
        type=float,
        default=285,
        help="the longest timeout that a call may have (default: %(default)s)",
    )
    parser.add_argument(
        "--function", metavar="NAME", action="append", default=[], help="a function of the runtime's own (repeatable)"
    )
    parser.add_argument(
        "--allow-scripts", action="store_true", help="accept `run: script` and `run: shell`, as a runtime may"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
