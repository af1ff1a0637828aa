"""A held run's mail: what came in for it, and what its next entry says about events, children and parents."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from lib import dsl
from lib.dsl import cloudevents, faults
from lib.dsl.limits import EVENT_NAME_BYTES
from lib.store import Child, Claimed, Mail, StepRow
from lib.store.values import encode

type Answer = tuple[dsl.Result | dsl.Failure, StepRow]


class Mailbox:
    """Mail is handed to the machine once, and forgotten by the same commit that keeps what it led to."""

    def __init__(self, claimed: Claimed, state: dsl.State | None) -> None:
        self.wanted = False  # there is mail in the database that is not here yet
        self.fetching = False
        self._awaited = claimed.awaited
        self._started = set(claimed.children)
        self._known: set[int] = set()
        self._unread: list[dict[str, Any]] = []
        self._listens = dsl.open_listens(state) if state else ()
        self._open_box()
        self.put(claimed.inbox or ())

    def _open_box(self) -> None:
        """Nothing to say yet."""
        self._read: list[int] = []
        self._taken: list[int] = []
        self._emitted: list[dict[str, Any]] = []
        self._children: list[Child] = []
        self._dropped: list[int] = []

    def put(self, mail: Iterable[dict[str, Any]]) -> None:
        """Mail from the database; what was here before is not taken twice."""
        new = [one for one in mail if one["id"] not in self._known]
        self._known.update(one["id"] for one in new)
        self._unread += new

    def take(self) -> list[dict[str, Any]]:
        """What the machine is to be given next."""
        mail, self._unread = self._unread, []
        return mail

    def note(self, mail: Sequence[dict[str, Any]], transition: dsl.Transition) -> int:
        """What the machine made of it, its events being the first arrivals; answers how many children it gave up."""
        if mail:
            numbers = [one["number"] for one in mail if one["event"] is not None]
            self._read += [one["id"] for one in mail]
            self._taken += [numbers[position] for position in transition.consumed]
        self._emitted += transition.emitted
        dropped = [id_ for id_ in transition.cancelled if id_ in self._started]
        self._dropped += dropped
        return len(dropped)

    def started(self, effect: dsl.Effect) -> bool:
        """Whether this effect is up to a child: nothing is to be done here but to wait."""
        return effect.id in self._started

    def start_child(self, document: dsl.Document, state: dsl.State, effect: dsl.Effect) -> None:
        """Ask for the child of this effect with the next entry; raises dsl.Fault."""
        asked = dsl.resolve(document, state, effect)
        child = Child(
            effect.id, asked["namespace"], asked["name"], asked.get("version"), asked["input"], asked.get("await", True)
        )
        encode(child.input)
        self._children.append(child)
        self._started.add(effect.id)

    def waits(self, state: dsl.State) -> bool:
        """Whether mail is what this run waits for."""
        return bool(dsl.open_listens(state)) or any(map(self.started, dsl.open_effects(state)))

    @property
    def pending(self) -> bool:
        """Whether the next entry has something to say."""
        return bool(self._read or self._emitted or self._children or self._dropped)

    def silence(self) -> Mail | None:
        """What an entry says before its state is written: nothing, and the answer tells of new mail."""
        return Mail() if self._listens or self._started or self._awaited else None

    def close(self, state: dsl.State | None) -> Mail | None:
        """What the entry of this state says; None for a run that neither writes nor gets mail."""
        listens = dsl.open_listens(state) if state else ()
        changed = listens != self._listens
        if not (self.pending or changed or listens or self._started or self._awaited):
            return None
        mail = Mail(
            read=self._read,
            taken=self._taken,
            listens=listens if changed else None,
            emitted=self._emitted,
            children=self._children,
            dropped=self._dropped,
        )
        self._listens = listens
        self._open_box()
        return mail


def check_sent(transition: dsl.Transition) -> None:
    """Raise dsl.Fault for an event, or a type of events, that the database has no room for in its indexes."""
    listens = dsl.open_listens(transition.state)
    if not (transition.emitted or listens):
        return
    names = [event[name] for event in transition.emitted for name in cloudevents.NAMES]
    names += [type_ for listen in listens for type_ in listen.types or ()]
    if any("\0" in name or len(name.encode(errors="surrogatepass")) > EVENT_NAME_BYTES for name in names):
        raise faults.runtime(
            f"An event has a source, id or type of more than the limit of {EVENT_NAME_BYTES} bytes, or with a NUL."
        )


def read_events(mail: Iterable[dict[str, Any]]) -> list[dsl.Arrival]:
    """The events in it, as the machine takes them."""
    return [dsl.Received(one["event"]) for one in mail if one["event"] is not None]


def read_answers(mail: Sequence[dict[str, Any]], state: dsl.State | None, now: datetime) -> list[Answer]:
    """The outcomes of children in it, for effects that are still open; of several (a child was retried) the latest."""
    if not mail:
        return []
    outcomes = {one["outcome"]["effect"]: one["outcome"] for one in mail if one["outcome"] is not None}
    waiting = dsl.open_effects(state) if state else ()
    return [_answer(effect, outcomes[effect.id], now) for effect in waiting if effect.id in outcomes]


def answer_fault(effect: dsl.Effect, fault: dsl.Fault, now: datetime) -> Answer:
    """An effect that has come to nothing."""
    return dsl.Failure(effect.id, fault), _step(effect, None, encode(fault.to_json()), now)


def _answer(effect: dsl.Effect, outcome: dict[str, Any], now: datetime) -> Answer:
    if "output" in outcome:
        return dsl.Result(effect.id, outcome["output"]), _step(effect, encode(outcome["output"]), None, now)
    return answer_fault(effect, _read_fault(outcome), now)


def _read_fault(outcome: dict[str, Any]) -> dsl.Fault:
    """The child's error, but for the place: that is the task that ran it."""
    if "refusal" in outcome:
        return faults.configuration(outcome["refusal"])
    if "cancelled" in outcome:
        return faults.runtime("The sub-workflow was cancelled.")
    return dsl.Fault.from_json({**outcome["error"], "instance": None})


def _step(effect: dsl.Effect, output: str | None, error: str | None, now: datetime) -> StepRow:
    return StepRow(
        effect.reference, effect.visit, effect.attempt, effect.function, output, error, effect.started_at, now
    )
