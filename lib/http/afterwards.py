"""Work after the response: the same invocation goes on once the client has its answer."""

from lib.config import settings
from lib.http.response import After


def afterwards(work: After) -> After | None:
    """This work, unless the deployment leaves all of it to the sweep."""
    return work if settings().after_response else None
