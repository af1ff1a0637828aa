"""The README's table says what was recorded, and nothing else."""

import re

from tests.fire.records import RECORD, read_record
from tests.readme import README, replace_block
from tests.soak.table import BEGIN, END, render


def test_the_readmes_table_is_what_the_suite_has_recorded():
    text = README.read_text()
    assert replace_block(text, render()) == text, "run python -m tests.soak.table"


def test_every_row_is_proved_by_a_test_that_is_there():
    for name in read_record():
        file, _, test = name.partition("::")
        assert f"def {re.sub(r'\[.*', '', test)}(" in (RECORD.parent / file).read_text(), name


def test_a_row_that_was_typed_by_hand_is_found():
    text = README.read_text()
    typed = text.replace(END, "| all is well | none | 0 | fine |\n" + END)
    assert BEGIN in text
    assert replace_block(typed, render()) == text
