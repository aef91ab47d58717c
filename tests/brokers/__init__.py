"""Real brokers to test against: found where they run, else started from what the machine has.

Reading order: `kafka.py` and `redis.py` (what tests hold), `installation.py` (where Kafka's jars come
from), `daemon.py` (a child process that can be killed, frozen and restarted), `warden.py` (nothing outlives
the test run), `client.py` (topics, produce, read).
"""


class Unavailable(Exception):
    """This machine has no such broker and no way to get one; the text says what would give it one."""


class DidNotStart(Exception):
    """There is such a broker, and it failed; the text holds the end of its log."""
