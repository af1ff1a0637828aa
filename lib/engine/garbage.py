"""How often Python looks for objects that only hold each other."""

import gc

# A step makes some hundred objects, and hardly ever a circle of them: to look for one after every 700 new objects, as
# Python does by default, is 4 % of what it costs.
NEW_OBJECTS = 10_000


def collect_seldom() -> None:
    """Look after so many new objects, unless this process looks more seldom already (0: never)."""
    first, *others = gc.get_threshold()
    if 0 < first < NEW_OBJECTS:
        gc.set_threshold(NEW_OBJECTS, *others)
