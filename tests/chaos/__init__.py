"""`make chaos`: the service under kills, freezes and broker loss, and what became of every ticket.

Replicas are processes of their own on three real Kafka nodes; tickets keep coming while a schedule that
follows from a seed disturbs replicas, nodes and provider. Then all is left to settle, and an account is made
of what is on the topics. In reading order:

* `schedule`     what happens when: drawn from the seed beforehand
* `tickets`      what comes in; `source` sends it at a rate
* `replicas`     the group's processes; `nodes` the cluster's; `disturbances` what each step does to them
* `run`          one whole run, from the empty topics to the history of what happened
* `history`      the facts; `reading` takes them from the topics, `commit_log` from Kafka's own commit log
* `account`      promises held against the facts; `repeats` tells which repeats a promise allows
* `report`       the account for people
"""
