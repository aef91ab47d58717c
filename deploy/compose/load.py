"""Plays made tickets onto the input topic: `load` of the image, fed with what the demo's desk receives.

The number is bounded, since a real provider is paid for each: LOAD_TICKETS of them, LOAD_PER_S a second.
Every run makes others, so that the cache does not know them all.
"""

import os
import subprocess
import sys
import time
from contextlib import suppress

from stream_classifier.lab.made_tickets import made_tickets


def main() -> int:
    """The exit status of `load`."""
    tickets, per_s = int(os.environ["LOAD_TICKETS"]), os.environ["LOAD_PER_S"]
    command = ["stream-classifier", "load", "-", "--rate", per_s, "--burst", "5", *sys.argv[1:]]
    load = subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0)
    assert load.stdin is not None
    with suppress(BrokenPipeError), load.stdin:  # broken: it has ended, and said why
        # What is no ticket would be refused by `load` before it is sent.
        for ticket in made_tickets(tickets, seed=int(time.time()), not_tickets=0):
            load.stdin.write(ticket.value + b"\n")
    return load.wait()


if __name__ == "__main__":
    sys.exit(main())
