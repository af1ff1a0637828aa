"""Small workflow documents for tests."""

from typing import Any


def document(tasks: list[dict[str, Any]], name: str = "test", **more: Any) -> dict[str, Any]:
    """A document with these tasks."""
    return {
        "document": {"dsl": "1.0.3", "namespace": "default", "name": name, "version": "1.0.0"},
        "do": tasks,
        **more,
    }


def call(url: str, **more: Any) -> dict[str, Any]:
    """A GET of this URL."""
    return {"call": "http", "with": {"method": "get", "endpoint": url}, **more}


def calls(url: str, count: int) -> list[dict[str, Any]]:
    """That many calls, one after another: /0, /1, …"""
    return [{f"step{number}": call(f"{url}/{number}")} for number in range(count)]
