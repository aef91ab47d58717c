"""A client that waits for the group longer than for a broker.

A join is answered when the slowest member of the group is there, or given up. aiokafka has one time limit
for all requests: a short one would send a join again and again, and not every broker takes that well; a
long one would leave commits, heartbeats and fetches with a broker that is frozen.
"""

from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import CloseReason
from aiokafka.errors import NodeNotReadyError, RequestTimedOutError
from aiokafka.protocol.group import JoinGroupRequest, SyncGroupRequest

WAIT_FOR_OTHERS = (JoinGroupRequest, SyncGroupRequest)


class GroupClient(AIOKafkaClient):  # type: ignore[misc]
    """Takes what aiokafka's own takes, and `join_s`: how long the group may take to answer, in seconds."""

    def __init__(self, *, join_s: float, **client: Any) -> None:
        super().__init__(**client)
        self._join_s = join_s

    async def send(
        self, node_id: int, request: Any, *, group: ConnectionGroup = ConnectionGroup.DEFAULT
    ) -> Any:
        """Send a request, and wait for its answer. Raises aiokafka's errors."""
        if not isinstance(request, WAIT_FOR_OTHERS):
            return await super().send(node_id, request, group=group)
        connection = await self._get_conn(node_id, group=group)
        if connection is None:
            raise NodeNotReadyError(f"node {node_id} is away")
        usual_s, connection._request_timeout = connection._request_timeout, self._join_s  # noqa: SLF001
        try:
            answer = connection.send(request)  # takes its time limit with it
        finally:
            connection._request_timeout = usual_s  # noqa: SLF001
        try:
            return await answer
        except TimeoutError as error:
            connection.close(reason=CloseReason.CONNECTION_TIMEOUT)
            raise RequestTimedOutError from error
