"""What keeps the local platform from going on, as one sentence for the terminal."""


class DevError(Exception):
    """The local platform cannot go on; the message is one sentence that says why and what to do."""
