"""What may be sent: the models of the request bodies, and their errors as JSON pointers."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lib.complaints import list_complaints
from lib.errors import Unprocessable
from lib.http.pointers import write_pointer


class WorkflowRow(BaseModel):
    """The short shape of a workflow: its row, with a definition that need not name itself."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    namespace: str | None = None
    version: str | None = None
    type: Literal["linear", "graph"] | None = None
    definition: dict[str, Any]


class RunQuery(BaseModel):
    """The body of `POST /db/query`; `params` are the values of `$1`, `$2` … in `sql`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    sql: str
    params: list[Any] = []
    dry_run: bool = True
    confirm: str | None = None
    max_rows: int | None = Field(default=None, ge=1)


class AskQuestion(BaseModel):
    """The body of `POST /db/ask`; `execute` is for reads: a write is always a dry run."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: str = Field(min_length=1, max_length=4000)
    execute: bool = False


def read_model[Model: BaseModel](model: type[Model], value: Any) -> Model:
    """The value as this model; raises Unprocessable with a pointer to each thing that is wrong."""
    try:
        return model.model_validate(value)
    except ValidationError as exc:
        errors = [{"pointer": write_pointer(place), "detail": said} for place, said in list_complaints(exc)]
    raise Unprocessable("The body does not have the right shape.", errors=errors)
