"""What a backlog or a stream holds, and what it will cost: `stream-classifier profile`. In reading order.

* `sources`, `topic`  records with the time at which each came: from a file, a pipe, or the end of a topic
* `survey`            looks at every ticket once: `columns` and `repeats` keep what is needed of each,
                      `lengths` how long they are
* `arrivals`          how fast they came, or would come
* `hits`              what the cache would answer, by its TTL
* `simulation`        the service's own batches at these arrivals; `projection` and `costing` say what that
                      takes
* `recommendation`    which configuration, and why; `yaml_text` writes it down
* `profiling`         all of it together: a `Profile`, in `findings` as sentences
* `html`              the report for people who have no terminal, as one of the `pages`
"""
