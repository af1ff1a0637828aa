"""The only module that speaks our SQL: one typed function per SQL function, and the plain reads."""

from lib.store.commits import Claimed, Entry, StepRow, Verdict, claim_runs, commit_batch
from lib.store.events import Delivery, delete_old_events, deliver_events
from lib.store.history import Change, Event, Step, list_events, list_steps, read_changes
from lib.store.mail import Child, Mail, read_inbox
from lib.store.operations import (
    Diagnosis,
    Health,
    backlog,
    delete_old_runs,
    read_diagnosis,
    read_health,
    record_sweep,
)
from lib.store.outbox import Letter, claim_outbox, settle_outbox
from lib.store.runs import (
    Idempotency,
    Run,
    cancel_run,
    get_run,
    list_runs,
    resume_run,
    retry_run,
    start_run,
    suspend_run,
)
from lib.store.schedules import DueSchedule, due_schedules, move_schedule
from lib.store.workflows import (
    Workflow,
    delete_workflow,
    find_workflow,
    list_workflows,
    publish_workflow,
    read_document,
)

__all__ = [
    "Change",
    "Child",
    "Claimed",
    "Delivery",
    "Diagnosis",
    "DueSchedule",
    "Entry",
    "Event",
    "Health",
    "Idempotency",
    "Letter",
    "Mail",
    "Run",
    "Step",
    "StepRow",
    "Verdict",
    "Workflow",
    "backlog",
    "cancel_run",
    "claim_outbox",
    "claim_runs",
    "commit_batch",
    "delete_old_events",
    "delete_old_runs",
    "delete_workflow",
    "deliver_events",
    "due_schedules",
    "find_workflow",
    "get_run",
    "list_events",
    "list_runs",
    "list_steps",
    "list_workflows",
    "move_schedule",
    "publish_workflow",
    "read_changes",
    "read_diagnosis",
    "read_document",
    "read_health",
    "read_inbox",
    "record_sweep",
    "resume_run",
    "retry_run",
    "settle_outbox",
    "start_run",
    "suspend_run",
]
