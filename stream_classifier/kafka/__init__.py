"""The only room that knows aiokafka, in reading order.

* `connection`, `listeners`, `broker_faults`, `waiting`: the way to a broker, and what is said where there is
  none. `credentials` is what we show there, read again while we run.
* `approach` goes the way to a broker step by step, and `standing` tells where the group is: for `doctor`.
* `access` is what must be there and allowed: topics, and `rights`. `protocol` is what the client lacks.
* `topics`, `topic_rules`, `topic_health`: looking for topics, making them, judging them.
* `overrides_topic` is read from its start by every process: `corrections` keeps what people decided.
* `reading` is for whoever reads a part of a topic without a group; `replaying` sends what it finds again.
* `session` is the life of one `consumer` (with a `group_client`; `header_names` for what the client cannot
  read); `assignment` says which partitions are ours, `starts` where each begins (by what is `committed`),
  `committing` what a session asks of its commits, `lag` how far they are behind, `unread`
  which of them wait for a schema, `turns` how much is read at a time, `receiving` who takes it, and
  `look_ahead` finds what is urgent beyond what was read.
* `items` are what is sent, and `delivery` is the way out by `kafka.delivery`:
  * at least once: `outbox` sends what is decided, in order, until the broker has it, with the `producer`;
    `commits` says by the consumer up to where each partition is done.
  * exactly once: `transactions` sends and commits in one. `transaction_line` is what a partition's next
    transaction may hold, `transactional_producer` makes it, `claims` keep the owners before out, and
    `transactional_commits` is what a session sees of it.
"""
