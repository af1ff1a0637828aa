"""What a person sees: lines that fit, colours only where they are wanted."""

import io
import json
import os
import shutil
import sys
import time
from typing import Any, TextIO

COLOURS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36, "dim": 2, "bold": 1}
SOURCE_WIDTH = 13


class Terminal:
    """Writes to a stream; colours only if that is a terminal and NO_COLOR is not set."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self.live = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._colourful = self.live and not os.environ.get("NO_COLOR")
        self._drawn = 0
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without a tick mark gets a question mark

    def paint(self, text: str, *colours: str) -> str:
        """`text` in these colours, or as it is."""
        if not self._colourful or not text:
            return text
        codes = ";".join(str(COLOURS[colour]) for colour in colours)
        return f"\x1b[{codes}m{text}\x1b[0m"

    def say(self, text: str = "") -> None:
        """One line, at once."""
        print(text, file=self._stream, flush=True)

    def draw(self, lines: list[str]) -> None:
        """Show these lines in the place of those drawn before; only for a live terminal.

        What has scrolled away cannot be drawn over: a low terminal sees the last lines alone.
        """
        lines = lines[-shutil.get_terminal_size().lines + 1 :]
        back = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._stream.write(back + "".join(f"\x1b[2K{line}\n" for line in lines))
        self._stream.flush()
        self._drawn = len(lines)

    def log(self, source: str, line: str) -> None:
        """One line that somebody else wrote, with the time and whose it is; not that the cron has found nothing due."""
        if line.strip() and not _is_idle(line):
            self.say(self.describe_log(source, line))

    def describe_log(self, source: str, line: str) -> str:
        """What `log` would print now."""
        stamp = time.strftime("%H:%M:%S")
        return f"{self.paint(f'{stamp} {source:{SOURCE_WIDTH}}', 'dim')} {self._translate(line)}"

    def _translate(self, line: str) -> str:
        """Our functions log JSON: a request reads like one, anything else as its name and its fields."""
        event, fields = _read(line)
        if event is None:
            return line
        if event == "request":
            return self._translate_request(fields)
        fields.pop("request_id", None)
        words = [f"{name}={_shorten(value)}" for name, value in fields.items()]
        colour = "red" if event.endswith(("crashed", "bug", "failed")) else "cyan"
        return " ".join([self.paint(event, colour), *words])

    def _translate_request(self, fields: dict[str, Any]) -> str:
        status = int(fields.get("status", 0))
        colour = "red" if status >= 500 else "yellow" if status >= 400 else "green"
        known = ("method", "route", "status", "ms", "request_id")
        rest = " ".join(f"{name}={_shorten(value)}" for name, value in fields.items() if name not in known)
        text = f"{fields.get('method')} {fields.get('route', '?')} {self.paint(str(status), colour)}"
        return f"{text} {fields.get('ms', 0):.0f} ms {self.paint(rest, 'dim') if rest else ''}".rstrip()


def _read(line: str) -> tuple[str | None, dict[str, Any]]:
    """What one of our functions logged, and its fields; None for a line of anybody else's."""
    try:
        fields: dict[str, Any] = json.loads(line)
        return fields.pop("event"), fields
    except (ValueError, KeyError, AttributeError, TypeError):
        return None, {}


def _is_idle(line: str) -> bool:
    """Whether it is one of the two lines that the cron leaves behind every minute when nothing was due."""
    event, fields = _read(line)
    if event == "sweep":
        return (fields.get("claimed"), fields.get("backlog"), fields.get("ended")) == (0, 0, "drained")
    asked = tuple(fields.get(name) for name in ("method", "route", "status", "claimed"))
    return event == "request" and asked == ("GET", "/sweep", 200, 0)


def _shorten(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))
