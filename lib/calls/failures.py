"""What a document meets as a fault when something of ours says no: a setting, the guard, a database, a model."""

from lib import errors
from lib.dsl import faults


def as_fault(error: errors.RatchetError) -> faults.Fault:
    """This error as the standard fault that its documents can catch; statuses stay."""
    match error:
        case errors.NotSetUp() | errors.NotConfigured():
            return faults.configuration(error.detail)
        case errors.Forbidden():
            return faults.authorization(error.detail)
        case errors.ModelFailed() | errors.Unavailable() | errors.TooManyRequests():
            return faults.communication(error.detail, error.status)
        case errors.Unprocessable() | errors.BadRequest():
            return faults.validation(error.detail)
        case _:
            return faults.runtime(error.detail)
