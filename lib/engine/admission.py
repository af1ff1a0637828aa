"""Whether there is time for a call: here and now, in a better hour, or never."""

from collections.abc import Sequence

from lib import dsl
from lib.config import settings
from lib.dsl import faults
from lib.engine.session import Session


def effect_seconds(effect: dsl.Effect) -> float:
    """How long this effect may take: its own timeout, else what the settings say."""
    return effect.timeout_seconds or settings().usual_effect_seconds


def never_fits(effect: dsl.Effect) -> bool:
    """Whether no invocation has time for this call, by the settings; a child takes none of ours."""
    return not effect.remote and effect_seconds(effect) > settings().longest_effect_seconds


def could_fit(effect: dsl.Effect, session: Session) -> bool:
    """Whether some invocation of this process has had time for it."""
    return effect.remote or session.could_fit(effect_seconds(effect))


def fits_now(effect: dsl.Effect, session: Session) -> bool:
    """Whether it may begin; what takes no time of ours (a child, a refusal) begins until the very end."""
    if effect.remote or never_fits(effect):
        return session.fits(0.0)
    return session.fits(effect_seconds(effect))


def too_long(effect: dsl.Effect) -> dsl.Fault:
    """What a call that never fits is answered."""
    longest = settings().longest_effect_seconds
    return faults.configuration(
        f"The call may take {effect_seconds(effect):g} s, but a function has time for {longest:g} s."
    )


def given_up(claims: int, effects: Sequence[dsl.Effect], session: Session) -> dsl.Fault:
    """Why a run that was claimed so often, and never got any further, ends; `effects` are those it had open."""
    reason = f"Given up after {claims} claims without progress: "
    if lasting := [effect_seconds(effect) for effect in effects if not could_fit(effect, session)]:
        return faults.configuration(
            f"{reason}a call may take {min(lasting):g} s, but a function here ends after"
            f" {session.longest_seconds:.0f} s, whatever RATCHET_MAX_DURATION says."
        )
    return faults.runtime(
        f"{reason}each function that took this run ended before it could commit anything"
        " (killed, out of memory, or too slow)."
    )
