"""Which part of its input and variables an expression reads, so that nothing else has to be passed on."""

from typing import Any

from lib.dsl.guard_syntax import ASSIGNING, Node

INPUT = "."
# The keys that are followed, and what of their values; nothing is only of what type it is, None is everything.
type Reads = dict[str, Reads] | None
type _Path = tuple[str, ...]  # the root, a variable's name or INPUT, and the keys that are followed from there

_DERIVED: _Path = ()  # a value that the expression made itself: what it is made of has been counted
_IGNORES_INPUT = frozenset(
    {"null/0", "true/0", "false/0", "empty/0", "now/0", "nan/0", "infinite/0", "error/1", "pow/2", "range/1", "range/2"}
)


def find_reads(tree: Node) -> dict[str, Reads]:
    """What the expression reads of its input, if it does, and of each of its free variables."""
    finder = _Finder()
    finder.visit(tree, (INPUT,), frozenset())
    return finder.found


def project(value: Any, reads: Reads) -> Any:
    """As much of the value as is read; what has no keys keeps its type, which is all that jq complains of."""
    if reads is None:
        return value
    if isinstance(value, dict):
        return {key: project(value[key], inner) for key, inner in reads.items() if key in value}
    if isinstance(value, list):
        return []
    return "" if isinstance(value, str) else value


class _Finder:
    def __init__(self) -> None:
        self.found: dict[str, Reads] = {}

    def visit(self, tree: Node, base: _Path, local: frozenset[str]) -> None:
        """Notes what is read when the expression meets what `base` leads to."""
        path = _path(tree, base, local)
        if path is not None:
            self._note(path)
        elif tree.kind == "pipe":
            self._follow(tree, base, local)
        elif tree.kind == "bind":
            self.visit(tree.parts[0], base, local)
            self.visit(tree.parts[1], base, local | {tree.value})
        elif tree.kind == "try":
            self.visit(tree.parts[0], base, local)
            for handler in tree.parts[1:]:
                self.visit(handler, _DERIVED, local)
        elif tree.kind == "fold":
            self.visit(tree.parts[0], base, local)
            self.visit(tree.parts[1], base, local)
            for step in tree.parts[2:]:
                self.visit(step, _DERIVED, local | {tree.value})
        else:
            if _takes_input(tree):
                self._note(base)
            for part in tree.parts:
                self.visit(part, base, local)

    def _follow(self, pipe: Node, base: _Path, local: frozenset[str]) -> None:
        """A path inside a pipe only says where the next part begins."""
        for part in pipe.parts[:-1]:
            path = _path(part, base, local)
            if path is None:
                self.visit(part, base, local)
            else:
                self._open(path)  # what stands there may not be looked at, but that one can get there is
            base = _DERIVED if path is None else path
        self.visit(pipe.parts[-1], base, local)

    def _note(self, path: _Path) -> None:
        """All of what the path leads to is read."""
        outer = self._open(path[:-1])
        if path and outer is not None:
            outer[path[-1]] = None

    def _open(self, path: _Path) -> dict[str, Reads] | None:
        """What is known to be read where the path leads to; nothing is known about what is read as a whole."""
        reads: Reads = self.found
        for key in path:
            if reads is None:
                return None
            reads = reads.setdefault(key, {})
        return reads


def _takes_input(tree: Node) -> bool:
    """Whether the node itself, not only its parts, looks at what it meets."""
    if tree.kind == "call":
        return tree.value not in _IGNORES_INPUT
    return tree.kind == "format" or (tree.kind == "operator" and tree.value in ASSIGNING)


def _path(tree: Node, base: _Path, local: frozenset[str]) -> _Path | None:
    """Where a plain path leads to, or None for anything else."""
    match tree.kind:
        case "dot":
            return base
        case "variable":
            return _DERIVED if tree.value in local else (tree.value,)
        case "field":
            path = _path(tree.parts[0], base, local)
            return (*path, tree.value) if path else path
    return None
