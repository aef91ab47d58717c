"""What the service spends on a ticket, as a multiple of a baseline's work on the same records: for CI.

pairs   slices in turn, their processor time, and what is concluded of it
known   a ticket that the cache knows: the service's path from the broker's bytes to a batch, the bare loop's
called  a ticket that is asked: the service's path to a request and from a reply to events, a textbook's
measure each of the paths, compared
kafka   the client on both ends of `known`, without a broker
allowed.yaml  how much each ratio may be, and the spread that this was had from
"""
