"""Bad input by the hundred thousand: mutations of every format, through the real pipeline.

* `texts` hostile values, `trees` mutations of what was decoded, `wires` of what goes over the wire
* `fuzzer` makes records of all three, from a seed
* `account` stands where Kafka would, and holds every record to one fate
* `run` drives it; `python -m tests.fuzz` does so from the command line
"""
