"""How much is too much: the bounds of documents and values, each named by the sentence that refuses it."""

import re

DOCUMENT_DEPTH = 64
DOCUMENT_TASKS = 1000
EXPANDED_TASKS = 5000  # with the tasks that functions and extensions add, wherever they are used
FUNCTION_DEPTH = 20
REFERENCE_BYTES = 2000  # a row of an index of steps has room for 2,700
VERSION_CHARACTERS = 255  # likewise, with the namespace and the name
EVENT_NAME_BYTES = 1000  # of a source, an id or a type: two of them share a row of an index
LISTENED_EVENTS = 10_000  # they are part of the state, which is written whole
DOCUMENT_BYTES = 1_048_576
DOCUMENT_EXPRESSIONS = 2000  # each different one takes a millisecond to compile
EXPRESSION_CHARACTERS = 10_000
YAML_BYTES = 524_288  # pure Python reads about 220 kB of YAML a second
YAML_VALUES = 100_000  # counted with aliases written out: a few lines could mean billions
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # no database text can hold these


def reference_sentence(size: int) -> str:
    """What is wrong with a reference of so many bytes, or of a task inside that functions and extensions make."""
    return (
        f"the reference of a task may have at most {REFERENCE_BYTES} bytes, and here one has {size}: "
        "use shorter names, or nest less"
    )
