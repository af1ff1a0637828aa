"""Blocks of the README that are written by a command from what was measured, each between two markers."""

from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def replace_block(text: str, block: str) -> str:
    """The text with this block, whose first and last lines are its markers, in place of the one it has.

    Raises ValueError where it has none.
    """
    lines = block.splitlines()
    begin = text.index(lines[0])
    end = text.index(lines[-1], begin) + len(lines[-1])
    return text[:begin] + block + text[end:]
