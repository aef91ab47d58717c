"""`classify`: labels a backlog from file to file, and goes on where it was killed. In reading order:

* `job`        the run: what is read, what is left of it, where it goes
* `output`     writes what is done, so that a kill at any moment loses nothing and repeats nothing
* `journal`    what is known and not written yet, beside the output
* `files`      files that are appended to, and their faults in sentences
* `forms`      what a labelled row looks like: JSON lines or CSV
* `account`    what became of the rows, and what it cost
* `estimate`   what all that would cost, without a call
"""

from stream_classifier.lab.classify.account import Account, Spent
from stream_classifier.lab.classify.job import Job, Task

__all__ = ["Account", "Job", "Spent", "Task"]
