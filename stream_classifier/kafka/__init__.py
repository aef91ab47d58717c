"""The only room that knows aiokafka, in reading order.

* `connection`, `broker_faults`, `waiting`: the way to a broker, and what is said where there is none.
* `topics`, `topic_rules`: looking for topics, making them, judging them.
* `session` is the life of one `consumer`; `assignment` says which partitions are ours, `starts` where each
  begins, `commits` up to where each is done, `lag` how far that is behind.
* `outbox` sends what is decided, in order, until the broker has it; `producer` is what it sends with.
"""
