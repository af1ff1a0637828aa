"""What `vercel build` made: exactly our functions, the cron, and only public/ served."""

import json
import sys
from pathlib import Path

_READ = {"lib/dbtool/functions.txt", "lib/dbtool/types.txt"}
_SETUP = {"lib/dbtool/walls/hardening.sql", "lib/dbtool/walls/scope.sql"}


def _files(function: Path) -> set[str]:
    """The files of one function: those that lie there, and those that its configuration maps in."""
    mapped = json.loads((function / ".vc-config.json").read_text()).get("filePathMap", {})
    return {str(path.relative_to(function)) for path in function.rglob("*") if path.is_file()} | set(mapped)


def main(work: Path) -> int:
    """Check the build output below `work`; prints what it found, answers the exit code."""
    output = work / ".vercel" / "output"
    config = json.loads((output / "config.json").read_text())
    expected = {f"api/{path.stem}" for path in (work / "api").glob("*.py")}
    built = {
        str(path.relative_to(output / "functions")).removesuffix(".func")
        for path in (output / "functions").rglob("*.func")
    }
    static = {str(path.relative_to(output / "static")) for path in (output / "static").rglob("*") if path.is_file()}
    public = {str(path.relative_to(work / "public")) for path in (work / "public").rglob("*") if path.is_file()}
    sources = {route.get("src") for route in config["routes"]}
    shipped = {path.name: _files(path) for path in (output / "functions").rglob("*.func")}
    wrong = sorted(name for name, files in shipped.items() if not files >= _READ or _SETUP & files)
    checks = {
        f"functions are {sorted(expected)}, built {sorted(built)}": built == expected,
        f"each function has the guard's lists and not what only its setup reads, wrong are {wrong}": not wrong,
        f"only public/ is served, served {sorted(static ^ public)} too or not": static == public,
        f"the sweep runs every minute, crons are {config.get('crons')}": config.get("crons")
        == [{"path": "/sweep", "schedule": "* * * * *"}],
        f"each rewrite became a route, routes are {len(sources)}": len(sources)
        >= len(json.loads((work / "vercel.json").read_text())["rewrites"]),
    }
    for sentence, holds in checks.items():
        if not holds:
            print(f"vercel build: expected that {sentence}", file=sys.stderr)
    print(f"vercel build: {len(built)} functions, {len(config['routes'])} routes, {len(static)} static files")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
