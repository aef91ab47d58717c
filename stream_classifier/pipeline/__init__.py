"""The journey of a ticket, in reading order.

1. `arrivals`: a record is entered in its partition's ledger, read, sent to its lane, and answered at
   once where a person has corrected it or the cache knows it; `entering` makes of the others what waits,
   `asking` has a lane ask for it, `rejecting` sends on what is no ticket. `early_arrivals` takes what is
   urgent before its turn, from far beyond what was read.
2. `updates`: what came before of the same ticket, looked up by `recalls`: an event that is late says so, one
   that says nothing new may be passed over. `ticket_memory` keeps it, and `following` learns when the broker
   has what left.
3. `preparing`: what is worked out of a ticket's text, once per text.
4. `look_ups`: what this process does not know, the cache's backend may; `leased_look_ups`: or another replica
   is just asking it. `foreseeing` looks up a whole poll before it arrives, after a restart.
5. (the lanes ask the model: `stream_classifier.lanes`)
6. `answers`: what the lanes bring back is handed to every ticket that waits for it; `corrected` serves those
   that wait when a person has decided.
7. `deadlines`: an urgent ticket waits only so long.
8. `departures`: decided records leave in key order, as events of their `subjects`; `unsent` accounts for
   those that cannot, `returns` knows them when they come back, `telling` counts and logs those that do.

`storm_watch` tells of texts that come again and again; `tracing` is who follows tickets into traces.
"""
