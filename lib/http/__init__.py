"""ASGI in; JSON, problem+json or an event stream out; auth; pagination.

Nothing here imports what evaluates or calls (jq, httpx, YAML) until a request needs it: five of the api
files only read rows, and their cold start is what a first visitor waits for.
"""

from lib.http.app import App
from lib.http.auth import anyone, cron, needs, stream_reader
from lib.http.deadline import deadline
from lib.http.request import Request
from lib.http.response import EventStream, Response, answer
from lib.http.routes import Route

__all__ = [
    "App",
    "EventStream",
    "Request",
    "Response",
    "Route",
    "answer",
    "anyone",
    "cron",
    "deadline",
    "needs",
    "stream_reader",
]
