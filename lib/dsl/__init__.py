"""The workflow language: documents, and the pure machine that runs them (README.md in this folder)."""

from lib.dsl.arguments import resolve
from lib.dsl.compiling import compile_document, load_document
from lib.dsl.document import Document
from lib.dsl.faults import Fault
from lib.dsl.listening import open_listens
from lib.dsl.machine import advance, retry, start, wake_at
from lib.dsl.moves import (
    Arrival,
    Completed,
    Effect,
    Event,
    Failure,
    Faulted,
    Listen,
    Outcome,
    Received,
    Result,
    Transition,
    open_effects,
)
from lib.dsl.reading import read
from lib.dsl.schedules import Gathered, gather
from lib.dsl.state import State

__all__ = [
    "Arrival",
    "Completed",
    "Document",
    "Effect",
    "Event",
    "Failure",
    "Fault",
    "Faulted",
    "Gathered",
    "Listen",
    "Outcome",
    "Received",
    "Result",
    "State",
    "Transition",
    "advance",
    "compile_document",
    "gather",
    "load_document",
    "open_effects",
    "open_listens",
    "read",
    "resolve",
    "retry",
    "start",
    "wake_at",
]
