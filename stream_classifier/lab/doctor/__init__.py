"""Looks for what would keep the service from working, and says how to mend it.

In reading order:

* `checks`     what a check is, and how one after the other is tried: `examine`
* `examining`  all checks in their order, made from the settings
* `way`        to the brokers: name, connection, TLS, login, and the addresses that they send clients on to
* `holdings`   what must be there and allowed: topics, rights, transactions
* `backlog`    where the group stands, and when the tickets are dated
* `provider`   the endpoint, the key, the models and what they can do
* `trip`       one real ticket through the service's own lanes, without publishing anything
* `passage`    one made-up ticket through the topics and the replicas that run, where that is asked for
* `cache`      reading and writing where answers are kept; `registry`: where schemas stand
"""
