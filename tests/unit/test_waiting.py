"""Which faults of a broker are waited for, and which end the start."""

import pytest
from aiokafka import errors

from stream_classifier.kafka.broker_faults import Unreachable, broker_fault
from stream_classifier.settings.kafka import Kafka

PASSING = [
    TimeoutError(),
    ConnectionRefusedError(),
    errors.KafkaConnectionError(),
    errors.NodeNotReadyError(),
    errors.RequestTimedOutError(),
    errors.CoordinatorNotAvailableError(),
    errors.CoordinatorLoadInProgressError(),
    errors.NotEnoughReplicasError(),
    errors.KafkaError("Unable to get cluster metadata over all known brokers"),
]
LASTING = [
    errors.SaslAuthenticationFailed(),
    errors.TopicAuthorizationFailedError(),
    errors.IncompatibleBrokerVersion(),
    errors.MessageSizeTooLargeError(),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_passes_by_itself_is_waited_for(error: Exception) -> None:
    assert isinstance(broker_fault(error, Kafka()), Unreachable)


@pytest.mark.parametrize("error", LASTING, ids=lambda error: type(error).__name__)
def test_what_needs_a_person_is_not(error: Exception) -> None:
    fault = broker_fault(error, Kafka())
    assert fault is not None
    assert not isinstance(fault, Unreachable)
