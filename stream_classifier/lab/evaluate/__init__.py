"""`evaluate`: how right configurations are on rows whose answers are known, and what each costs.

In reading order:

* `evaluating`   the whole of it: read, plan, ask, judge
* `grid`         the configurations that are compared, and what names each
* `drawing`      the rows that they are judged by, in the order of asking
* `questions`    the rows' texts as questions to one configuration
* `plan`         what is paid for, what the rest would take, how far a budget reaches
* `asking`       one configuration's questions, through the service's own lanes
* `spending`     in front of the provider: no call that the budget might not hold
* `store`        what is paid for, in a file: calls and answers
* `verdicts`     what a configuration came to
* `outcome`      all that was found, as data

What is told of it:

* `texts`        from rows to distinct texts, which is what is counted
* `statistics`   the arithmetic; `scores` of one configuration, `comparison` of two, `positions` in a call
* `report`       all of it together, as data for programs, too; in `findings` as sentences
* `terminal`     for whoever ran it; `html` and `html_details` for others, as one of the `pages`
"""
