"""What must be there and allowed: topics, rights, transactions."""

from collections.abc import Iterable, Iterator, Mapping

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.broker_faults import broker_fault, broker_faults
from stream_classifier.kafka.connection import admin_client, asking, client_kwargs
from stream_classifier.kafka.rights import (
    Operation,
    Right,
    RightsMissing,
    told_on_topics,
    told_rights,
    transactions_of,
)
from stream_classifier.kafka.topic_health import health
from stream_classifier.kafka.topic_rules import Finding, Role, Severity, Topic, findings, roles
from stream_classifier.kafka.topics import read_topics
from stream_classifier.kafka.transactional_producer import TransactionalProducer
from stream_classifier.lab.doctor.checks import Check, Line, State, fault, not_checked, note, ok
from stream_classifier.lab.doctor.way import BROKERS
from stream_classifier.settings.kafka import Kafka

RIGHTS, TRANSACTIONS = "rights", "transactions"
TRANSACTIONS_S = 40.0  # above the time that the producer itself takes to give up
STATES = {Severity.FAULT: State.FAULT, Severity.NOTE: State.NOTE}


def topic_check(name: str) -> str:
    """The name of the lines about this topic."""
    return f"topic {name}"


def may_read(kafka: Kafka) -> Right:
    """The right without which nothing is known of the group."""
    return Right(Operation.READ, "group", kafka.group_id)


class Holdings:
    """What the settings name on the brokers. `topics` are those that exist, once they were looked for."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self.topics: Mapping[str, Topic] = {}
        self._denied: dict[str, Right] = {}  # by topic

    def checks(self) -> Iterator[Check]:
        """Rights first: a topic that may not be seen looks missing."""
        yield Check(name=RIGHTS, run=self._rights, needs=[BROKERS])
        yield Check(name="topics", run=self._topics, needs=[BROKERS])
        if self._kafka.delivery == "exactly-once":
            granted = str(transactions_of(self._kafka))
            yield Check(name=TRANSACTIONS, run=self._transactions, needs=[granted], limit_s=TRANSACTIONS_S)
        else:
            yield Check(name=TRANSACTIONS, run=self._no_transactions)

    async def _rights(self) -> Iterable[Line]:
        kafka = self._kafka
        with broker_faults(kafka):
            async with asking(client_kwargs(kafka)) as client:
                told = await told_rights(client, kafka)
                corrections = await told_on_topics(client, {kafka.overrides_topic: Operation.READ})
        denied = [right for right, granted in (told | corrections).items() if granted is False]
        self._denied = {right.name: right for right in denied if right.kind == "topic"}
        return [self._right(right, granted) for right, granted in told.items()]

    def _right(self, right: Right, granted: bool | None) -> Line:
        if granted is False:
            missing = broker_fault(RightsMissing([right]), self._kafka)
            return fault(str(right), missing.sentence if missing else f"Not granted: grant {right}.")
        return ok(str(right), "Granted." if granted else "The broker does not tell; taken for granted.")

    async def _topics(self) -> Iterable[Line]:
        names = roles(self._kafka)
        async with admin_client(self._kafka) as admin:
            self.topics = await read_topics(admin, names.values())
        present = {role: self.topics[name] for role, name in names.items() if name in self.topics}
        found = [
            *findings(names, self.topics),
            *(finding for role, topic in present.items() for finding in health(role, topic)),
        ]
        return [line for role, name in names.items() for line in self._topic(role, name, found)]

    def _topic(self, role: Role, name: str, found: Iterable[Finding]) -> Iterator[Line]:
        """Its shape where it has no fault, and what is to be said of it."""
        said = [finding for finding in found if finding.role is role]
        topic = self.topics.get(name)
        if topic is None and name in self._denied:
            yield self._unseen(role, name)
            return
        if role is Role.OVERRIDES and name in self._denied:
            yield self._right(self._denied[name], granted=False)
        if topic and not any(finding.severity is Severity.FAULT for finding in said):
            yield ok(topic_check(name), _shape(topic))
        for finding in said:
            sentence = finding.sentence.replace("--create", "`stream-classifier topics --create`")
            yield Line(check=topic_check(name), state=STATES[finding.severity], sentence=sentence)

    def _unseen(self, role: Role, name: str) -> Line:
        """A topic that is not shown to us, and may be there or not."""
        if role is Role.OVERRIDES:
            return note(
                topic_check(name),
                f"If it is there, people's corrections have no effect: grant {self._denied[name]}.",
            )
        return not_checked(topic_check(name), "A right on it is missing, without which it is not shown.")

    async def _no_transactions(self) -> Iterable[Line]:
        return [not_checked(TRANSACTIONS, "kafka.delivery is at-least-once, which needs none.")]

    async def _transactions(self) -> Iterable[Line]:
        """Begin under an id of our own, so that no running replica is fenced; no transaction is made."""
        kafka = self._kafka
        name = f"{kafka.group_id}-doctor"
        producer = TransactionalProducer(client_kwargs(kafka), name, kafka.transaction_timeout_s)
        try:
            with broker_faults(kafka):
                await producer.start()
        except TimeoutError as error:
            raise OperatorFault(
                "The brokers give no producer for transactions: see in their log whether the topic "
                "__transaction_state can be made (transaction.state.log.replication.factor must not be above "
                "the number of brokers)."
            ) from error
        finally:
            await producer.close()
        return [ok(TRANSACTIONS, f"Given {kafka.transaction_timeout_s:g} s each, as configured.")]


def _shape(topic: Topic) -> str:
    partitions = "1 partition" if topic.partitions == 1 else f"{topic.partitions} partitions"
    replicas = "1 replica" if topic.replication == 1 else f"{topic.replication} replicas"
    return f"{partitions}, {replicas}."
