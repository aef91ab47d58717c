"""The journey of a ticket, in reading order.

1. `arrivals`: a record is entered in its partition's ledger, read, sent to its lane, and answered at
   once where a person has corrected it or the cache knows it.
2. `preparing`: what is worked out of a ticket's text, once per text.
3. `look_ups`: what this process does not know, the cache's backend may; `leased_look_ups`: or another replica
   is just asking it.
4. (the lanes ask the model: `stream_classifier.lanes`)
5. `answers`: what the lanes bring back is handed to every ticket that waits for it; `corrected` serves those
   that wait when a person has decided.
6. `deadlines`: an urgent ticket waits only so long.
7. `departures`: decided records leave in key order, as events; `unsent` accounts for those that cannot,
   `returns` knows them when they come back, `telling` counts and logs those that do.

`storm_watch` tells of texts that come again and again.
"""
