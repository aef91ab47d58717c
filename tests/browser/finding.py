"""Where a Chromium is, without the library that drives it."""

import os
import shutil

from tests.brokers import Unavailable

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str:
    """The path of a Chromium: `STREAM_CLASSIFIER_TEST_CHROMIUM`, else from PATH. Raises `Unavailable`."""
    named = os.environ.get("STREAM_CLASSIFIER_TEST_CHROMIUM")
    found = named or next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise Unavailable(f"no Chromium: none of {', '.join(NAMES)} is on PATH")
    return found
