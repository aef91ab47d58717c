"""`docs/configuration.md` and the settings say the same."""

from pathlib import Path

import stream_classifier
from stream_classifier.settings import Settings
from stream_classifier.settings.expected import leaves
from stream_classifier.settings.reference import table

ROOT = Path(stream_classifier.__file__ or "").parents[1]
PAGE = ROOT / "docs" / "configuration.md"
BEGIN, END = "<!-- settings: begin -->\n", "\n<!-- settings: end -->"


def test_the_table_of_settings_is_that_of_the_code() -> None:
    written = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    rows, right = set(written.splitlines()), set(table().splitlines())
    assert rows - right == set(), "rows that the code does not have"
    assert right - rows == set(), "rows that are missing"
    assert written == table()


def test_every_setting_has_a_meaning() -> None:
    assert [path for path, field in leaves(Settings) if not field.description] == []
