"""One fault after the other, each at the worst moment that can be chosen, on real processes and a real Postgres.

Each test says with `injected` what it has proved; `python -m tests.soak.table` makes the README's table of it.
"""
