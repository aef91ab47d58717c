"""A process in which something fails where nobody catches it tells no text."""

import subprocess
import sys

SECRET = "zebra-4711"
SCRIPT = f"""
import gc, resource, sys, threading
from stream_classifier.observe import logs
from stream_classifier.observe.last_words import keep_to_itself

flush = logs.configure("debug", "json", 50)
keep_to_itself()

def fail():
    raise ValueError("{SECRET}")

class Ends:
    def __del__(self):
        raise KeyError("{SECRET}")

thread = threading.Thread(target=fail)
thread.start()
thread.join()
ends = Ends()
del ends
gc.collect()
flush()
print(resource.getrlimit(resource.RLIMIT_CORE)[0])
"""


def test_a_thread_and_an_object_s_end_that_fail_tell_their_error_s_kind_alone() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert SECRET not in done.stderr + done.stdout
    assert "ValueError" in done.stderr
    assert "KeyError" in done.stderr


def test_no_core_file_is_written() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
