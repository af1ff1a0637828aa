"""Everything at once, by lot: random documents on instances that are killed, frozen and cut off, all promises checked.

`make soak` runs it (`SECONDS=`, `SEED=`); `python -m tests.soak --help` says more.
"""
