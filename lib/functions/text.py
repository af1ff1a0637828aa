"""An example: a function that a document calls as `call: slug` with `with: {text: …}`."""

import re
import unicodedata

from lib.calls.functions import function


@function
def slug(text: str, longest: int = 60) -> str:
    """The text as a name for URLs: `Ünder the Sea!` becomes `under-the-sea`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain))[:longest].rstrip("-")
