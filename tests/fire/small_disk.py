"""A Postgres that keeps one tablespace on a disk of a few megabytes: `python -m tests.fire.small_disk FOLDER`.

The disk is a tmpfs in a mount namespace of this process's own, so nobody else on the machine sees it or runs short of
anything. It prints the server's URL, and ends with its stdin.
"""

import os
import subprocess
import sys
from pathlib import Path

from lib.dev.postgres import Server
from lib.dev.postgres_home import choose_account, find_shelter

MEGABYTES = 24
# What it takes on this machine: Linux, and the right to mount (root has it, unless a sandbox took it away).
PROBE = ["unshare", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]


def is_possible() -> bool:
    """Whether this machine lets us mount a small disk."""
    try:
        return subprocess.run(PROBE, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def mount_in_private(folder: Path) -> None:
    """A tmpfs at this folder that only this process and its children see."""
    os.unshare(os.CLONE_NEWNS)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", folder], check=True)


def main(folder: Path) -> None:
    """Mount, serve, and wait for the end of stdin."""
    account = choose_account()
    disk = find_shelter(account) / f"disk-{os.getpid()}"
    disk.mkdir()
    try:
        mount_in_private(disk)
        account.give(disk)
        with Server(folder / "data", durable=False, settings={"synchronous_commit": "on"}) as server:
            print(server.url("postgres"), disk, flush=True)
            sys.stdin.read()
    finally:
        subprocess.run(["umount", disk], check=False)
        disk.rmdir()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
