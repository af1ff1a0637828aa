"""The helper process: compiles and runs programs for `guard_process`, knows nothing else and can reach nothing else.

Started as a script, with the folder of jq and its memory in bytes as arguments; it imports nothing of ours and little
else, since somebody waits for it. Whatever takes too much of anything ends the process.

A request is the length of a program, that of its values (NO_VALUES: only compile), and the microseconds of CPU time
that it may take, four bytes each, then program and values. An answer is a HEADER of its kind, whether the helper has
had its day, and the length of a text, then the text.
"""

import functools
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterable

HEADER = 6
NO_VALUES = 0xFFFFFFFF
READY, VALUE, NOTHING, FAILED, TOO_LARGE, OUT_OF_MEMORY = b"R", b"V", b"N", b"F", b"L", b"M"
LARGEST_RESULT = 4 * 1024 * 1024  # characters: whoever started us reads it all into one value
LONGEST_MESSAGE = 2_000
PROGRAMS = 256
EVALUATIONS = 20_000
GROWN = 96 * 1024 * 1024  # bytes: what an evaluation took comes back in pieces, if at all


@functools.lru_cache(PROGRAMS)
def compile_program(source: bytes) -> Callable[[str], Iterable[str]]:
    """What gives the outputs for an input; raises ValueError with jq's complaint."""
    import jq

    evaluate: Callable[[str], Iterable[str]] = jq.compile(source.decode()).input_text
    return evaluate


def run(source: bytes, values: bytes | None) -> tuple[bytes, str]:
    """Compiles, evaluates, and tells of the first output."""
    try:
        evaluate = compile_program(source)
        text = "" if values is None else next(iter(evaluate(values.decode())))
    except StopIteration:
        return NOTHING, ""
    except ValueError as exc:
        return FAILED, str(exc)[:LONGEST_MESSAGE]
    except MemoryError:
        return OUT_OF_MEMORY, ""
    return (VALUE, text) if len(text) <= LARGEST_RESULT else (TOO_LARGE, str(len(text)))


def serve(memory: "Memory") -> None:
    """Answers until the other side goes away."""
    served = 0
    while True:
        request = _read(12)
        source = _read(int.from_bytes(request[:4]))
        length = int.from_bytes(request[4:8])
        values = None if length == NO_VALUES else _read(length)
        # It counts CPU time of this process alone; its signal ends us, also when nobody is left to do so.
        signal.setitimer(signal.ITIMER_PROF, int.from_bytes(request[8:]) / 1_000_000)
        kind, text = run(source, values)
        signal.setitimer(signal.ITIMER_PROF, 0)
        served += 1
        _answer(kind, text, served >= EVALUATIONS or kind == OUT_OF_MEMORY or memory.has_grown())


class Memory:
    """How much this process holds; asked of an open file, for none can be opened later.

    Not `ru_maxrss` where there is a choice: Linux lets a process begin with its parent's peak, so a large parent
    would make every helper look grown.
    """

    def __init__(self) -> None:
        self._file = os.open("/proc/self/statm", os.O_RDONLY) if sys.platform == "linux" else None

    def has_grown(self) -> bool:
        """Whether a fresh helper would be better."""
        if self._file is None:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > GROWN
        resident = int(os.pread(self._file, 128, 0).split()[1])
        return resident * resource.getpagesize() > GROWN


def _read(length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        more = os.read(0, length - len(data))
        if not more:
            raise SystemExit
        data += more
    return bytes(data)


def _answer(kind: bytes, text: str, done: bool) -> None:
    body = text.encode(errors="replace")
    rest = memoryview(kind + bytes([done]) + len(body).to_bytes(4) + body)
    while rest:
        rest = rest[os.write(0, rest) :]


def _limit(memory: int) -> None:
    """No large memory, no core dump, no further process, file or descriptor."""
    for kind, amount in {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 3,
    }.items():
        try:
            resource.setrlimit(kind, (amount, amount))
        except (ValueError, OSError):  # some systems do not know all of them
            continue


def main() -> None:
    """Gets ready, says so, and serves."""
    folder, most = sys.argv[1:]
    memory = Memory()
    os.environ.clear()
    os.environ["TZ"] = "UTC0"  # local time is the same everywhere
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # whoever started us may have other plans with it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGPROF])
    sys.path.append(folder)
    run(b".|tojson", b"null")
    _limit(int(most))
    _answer(READY, "", False)
    serve(memory)


if __name__ == "__main__":
    main()
