"""The journey of a ticket, in reading order.

1. `arrivals`: a record is entered in its partition's ledger, read, sent to its lane, and answered at
   once where the cache knows it.
2. `preparing`: what is worked out of a ticket's text, once per text.
3. `look_ups`: what this process does not know, the cache's backend may.
4. (the lanes ask the model: `stream_classifier.lanes`)
5. `answers`: what the lanes bring back is handed to every ticket that waits for it.
6. `deadlines`: an urgent ticket waits only so long.
7. `departures`: decided records leave in key order, as events; `unsent` accounts for those that cannot,
   `telling` counts and logs those that do.
"""
