"""The script of a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.scripts import HEAD_CHARS, script_of

TEXTS = {
    "The export stops": "Latin",
    "Où est ma facture ?": "Latin",
    "İhracat çalışmıyor": "Latin",  # noqa: RUF001
    "Выгрузка не работает": "Cyrillic",
    "η εξαγωγή σταματά": "Greek",
    "لا يعمل التصدير": "Arabic",
    "הייצוא נעצר": "Hebrew",
    "निर्यात बंद हो जाता है": "Devanagari",
    "การส่งออกหยุดทำงาน": "Thai",
    "导出停止了": "Han",
    "エクスポートが止まります": "Japanese",
    "請求書の発行方法": "Japanese",
    "내보내기가 멈춥니다": "Hangul",
    "404 -- 500": "no letters",
    "": "no letters",
    "🙂🙂": "no letters",
    "ᚠᚢᚦ": "other",
}


@pytest.mark.parametrize(("text", "script"), TEXTS.items())
def test_a_text_has_the_script_of_its_letters(text: str, script: str) -> None:
    assert script_of(text) == script


def test_a_word_in_another_script_does_not_decide() -> None:
    assert script_of("Ошибка HTTP 502 при входе в систему") == "Cyrillic"


def test_only_the_head_of_a_long_text_is_looked_at() -> None:
    assert script_of("é" * HEAD_CHARS + "ж" * 10 * HEAD_CHARS) == "Latin"


@given(st.text(max_size=50))
def test_every_text_has_a_script(text: str) -> None:
    assert script_of(text)
