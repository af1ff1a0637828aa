"""What a function takes and returns: pydantic checks the one and writes the other as JSON.

A module of its own, imported at the first call of a function: pydantic is not free to import.
"""

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

from pydantic import ConfigDict, ValidationError, create_model
from pydantic_core import to_jsonable_python

from lib.calls.context import CallContext
from lib.complaints import sum_up
from lib.dsl import faults


class Signature:
    """The parameters of one function, those apart that are annotated as CallContext."""

    def __init__(self, name: str, run: Callable[..., Any]) -> None:
        hints = get_type_hints(run, include_extras=True)
        parameters = inspect.signature(run).parameters.values()
        self._name = name
        self._told = [parameter.name for parameter in parameters if hints.get(parameter.name) is CallContext]
        fields: dict[str, Any] = {
            parameter.name: (
                hints.get(parameter.name, Any),
                ... if parameter.default is parameter.empty else parameter.default,
            )
            for parameter in parameters
            if parameter.name not in self._told
        }
        model: Any = create_model(name, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True), **fields)
        # what model_validate calls, but for its options
        self._validate: Callable[[Any], Any] = model.__pydantic_validator__.validate_python

    def read(self, arguments: Any, context: CallContext) -> dict[str, Any]:
        """The parameters' values; raises a Fault that names what is wrong, never its value."""
        try:
            found = self._validate({} if arguments is None else arguments)
        except ValidationError as exc:
            raise faults.validation(f"The function '{self._name}' was called wrongly: {sum_up(exc)}") from None
        values: dict[str, Any] = vars(found)
        return values | dict.fromkeys(self._told, context)

    def write(self, result: Any) -> Any:
        """What the function returned, as JSON; raises what pydantic raises for what JSON cannot say."""
        return to_jsonable_python(result)
