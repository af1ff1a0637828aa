"""JSON pointers, which say where in a body something is wrong."""


def write_pointer(location: tuple[int | str, ...]) -> str:
    """An RFC 6901 pointer."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in location)
