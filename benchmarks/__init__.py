"""What we claim, measured: `python -m benchmarks` (or `make bench`). The last results: docs/performance.md.

The claims:

    hot_path    tickets that the cache knows, against the bare consume-and-produce loop
    goodput     a backlog through a slow provider, against the ideal schedule of the same calls
    article     the case that this project starts from, against its own code (`article_code`)
    urgent      an urgent ticket's time behind backlogs, a used-up limit, a storm, a million unread
    delivery    both delivery modes: known tickets a second, and an urgent ticket's time
    limits      an account's limits, used up and kept, by one replica and by four that share it
    memory      the service's memory before a million tickets and a provider that is far too slow
    steady      memory at rest and at a pace, processor time by what a ticket needs
    start       imports, and the steps until it is ready
    hour        whether memory, tasks, sockets or reservations grow with time
    cost        tokens sent and received, over what no prompt can go below
    cache       look-ups and writes a second of each cache backend, and how soon it opens (docs/cache.md)
    growth/     known and asked tickets over partitions, replicas, taxonomy, length (docs/sizing.md)
    projection  what `profile` projects, against the recommended configuration run
    ratios      processor time a ticket as a multiple of a baseline's, without sockets: what CI holds
    faults      what becomes of tickets while the provider fails (`make faults`; docs/reliability.md)

How they are run and told: `commands` (of the command line), `suite` (what there is, and a run of all),
`measured` (a file of findings in docs/measured), `document` (the documentation, made of such files) with
`tables`, `pictures` (which there are) and `drawing`.

What they stand on: `kafka` (a real Apache Kafka, its topics), `processes` (the service, the simulated
provider and the bare loop, each a process of its own that can be paused), `known_texts` (a cache file that
knows a million texts), `paused` (a service before a full topic), `outcome` (what came out), `figures`,
`schedule` and `limits_log` (the arithmetic), `report` (the table). The hour has `traffic` (tickets at a
pace), `vitals` (what a process has in use), `slopes` and `hour_findings` (the arithmetic). The faults need
no Kafka: `stand` (the service between an embedded broker and a simulated provider), `fault_tickets` and
`fault_rows` (the failures, and what must come of each), `grades` and `fault_findings` (the arithmetic),
`fault_report` (the tables). Nor does the cost: `cost_wire` (the service, overheard), `cost_account` (the
arithmetic), `cost_ranks` (the tokenizer), `cost_taxonomies`, `cost_report`. `sizing` and `sizing_tables`
measure nothing: they are the arithmetic of docs/sizing.md.
"""
