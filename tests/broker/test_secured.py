"""Secured Kafka: every way in brings labels out, and every way that is shut is one sentence and exit 1."""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka.admin import AclOperation, ResourceType

from stream_classifier.settings.environment import SECRETS_DIR
from tests.broker.service_process import Member
from tests.broker.stream import Stream, a_stream, ticket
from tests.brokers.certificates import Authority
from tests.brokers.client import create_topic
from tests.brokers.secured import (
    EXPIRING,
    LOGIN,
    MAY_LITTLE,
    MECHANISMS,
    MISNAMED,
    PASSWORDS,
    ROTATED,
    Right,
    SecuredKafka,
)

Settings = dict[str, Any]
Way = Callable[[SecuredKafka], Settings]


async def refusal(member: Member) -> str:
    """The one sentence with which it ends."""
    assert await member.exited() == 1
    lines: list[str] = [line.get("event") or line["text"] for line in member.log]
    assert len(lines) == 3, lines
    assert (*lines[:2], lines[2][:7]) == ("service_starting", "service_failed", "error: ")
    return lines[2]


WAYS_IN: dict[str, Way] = {
    **{name: lambda secured, name=name: secured.login(name) for name in MECHANISMS},  # type: ignore[misc]
    "client certificate": lambda secured: secured.mutual(secured.service),
}


@pytest.mark.parametrize("way", WAYS_IN.values(), ids=WAYS_IN)
async def test_labels_come_out_over(secured: SecuredKafka, tmp_path: Path, way: Way) -> None:
    async with a_stream(secured.bootstrap_servers, tmp_path, **way(secured)) as stream:
        await stream.put([ticket(1), b"not a ticket"])
        await stream.working_member()
        await stream.settled()
        assert [event["ticket_id"] for event in await stream.events()] == ["1"]
        assert len(await stream.records(stream.dead_letters)) == 1


def stranger(secured: SecuredKafka, directory: Path) -> Settings:
    return secured.mutual(Authority(directory).issue("stranger"))


class Shut(NamedTuple):
    """A way that is shut: the settings, and what the sentence says."""

    settings: Callable[[SecuredKafka, Path], Settings]
    says: tuple[str, ...]


WAYS_SHUT = {
    "a wrong password": Shut(
        lambda secured, _: secured.login() | {"kafka__sasl_password": "guessed"},
        ("refused the login of alice by SCRAM-SHA-512", "kafka.sasl_password"),
    ),
    "a wrong password in plain": Shut(
        lambda secured, _: secured.login("PLAIN") | {"kafka__sasl_password": "guessed"},
        ("refused the login of alice by PLAIN", "kafka.sasl_password"),
    ),
    "an unknown user": Shut(
        lambda secured, _: secured.login() | {"kafka__sasl_username": "mallory"},
        ("refused the login of mallory", "kafka.sasl_username"),
    ),
    "a token that is none": Shut(
        lambda secured, _: secured.login("OAUTHBEARER") | {"kafka__sasl_password": "no.token."},
        ("refused the token in kafka.sasl_password",),
    ),
    "an authority that is not trusted": Shut(
        lambda secured, at: secured.login() | {"kafka__ssl_ca_file": str(Authority(at, "Other").ca_file)},
        ("not trusted here", "kafka.ssl_ca_file"),
    ),
    "a certificate for another host": Shut(
        lambda secured, _: (
            secured.mutual(None) | {"kafka__bootstrap_servers": secured.node.listener(MISNAMED)}
        ),
        ("issued for another name", "kafka.bootstrap_servers"),
    ),
    "no client certificate": Shut(
        lambda secured, _: secured.mutual(None),
        ("wants a client certificate and was shown none", "kafka.ssl_cert_file"),
    ),
    "a client certificate of a stranger": Shut(
        stranger, ("refused the certificate in kafka.ssl_cert_file", "authority that the broker trusts")
    ),
    "plain text to TLS": Shut(
        lambda secured, _: {"kafka__bootstrap_servers": secured.node.listener(LOGIN)},
        ("speaks SASL_SSL, not PLAINTEXT", "kafka.security_protocol"),
    ),
    "TLS to plain text": Shut(
        lambda secured, _: secured.mutual(None) | {"kafka__bootstrap_servers": secured.bootstrap_servers},
        ("speaks PLAINTEXT, not SSL", "kafka.security_protocol"),
    ),
    "no login where one is asked for": Shut(
        lambda secured, _: secured.mutual(None) | {"kafka__bootstrap_servers": secured.node.listener(LOGIN)},
        ("speaks SASL_SSL, not SSL", "kafka.security_protocol"),
    ),
}


@pytest.mark.parametrize("shut", WAYS_SHUT.values(), ids=WAYS_SHUT)
async def test_one_sentence_and_exit_1_for(secured: SecuredKafka, tmp_path: Path, shut: Shut) -> None:
    settings = shut.settings(secured, tmp_path)
    async with a_stream(secured.bootstrap_servers, tmp_path, topics=False, **settings) as stream:
        sentence = await refusal(await stream.member())
    assert all(words in sentence for words in shut.says), sentence


def needed(stream: Stream) -> dict[str, Right]:
    """The rights of the service, by the words in which they are named."""
    read, write = AclOperation.READ, AclOperation.WRITE
    return {
        f"READ on topic {stream.tickets}": (ResourceType.TOPIC, stream.tickets, read),
        f"WRITE on topic {stream.labels}": (ResourceType.TOPIC, stream.labels, write),
        f"WRITE on topic {stream.dead_letters}": (ResourceType.TOPIC, stream.dead_letters, write),
        f"READ on group {stream.name}": (ResourceType.GROUP, stream.name, read),
    }


async def test_the_rights_that_are_named_as_needed_suffice(secured: SecuredKafka, tmp_path: Path) -> None:
    login = secured.login(user=MAY_LITTLE)
    async with a_stream(secured.bootstrap_servers, tmp_path, **login) as stream:
        await asyncio.to_thread(secured.grant, needed(stream).values())
        await stream.put([ticket(1), b"not a ticket"])
        await stream.working_member()
        await stream.settled()
        assert len(await stream.events()) == 1


@pytest.mark.parametrize("missing", range(4), ids=["input", "output", "dead letters", "group"])
async def test_the_one_right_that_is_missing_is_named_at_the_start(
    secured: SecuredKafka, tmp_path: Path, missing: int
) -> None:
    async with a_stream(secured.bootstrap_servers, tmp_path, **secured.login(user=MAY_LITTLE)) as stream:
        rights = needed(stream)
        named = list(rights)[missing]
        await asyncio.to_thread(secured.grant, [right for name, right in rights.items() if name != named])
        sentence = await refusal(await stream.member())
    assert sentence.endswith(f"grant {named}.")
    assert "User:bob" in sentence


async def test_to_see_a_topic_or_a_group_is_not_taken_for_the_right_to_use_it(
    secured: SecuredKafka, tmp_path: Path
) -> None:
    async with a_stream(secured.bootstrap_servers, tmp_path, **secured.login(user=MAY_LITTLE)) as stream:
        rights = needed(stream)
        await asyncio.to_thread(
            secured.grant, [(kind, name, AclOperation.DESCRIBE) for kind, name, _ in rights.values()]
        )
        assert (await refusal(await stream.member())).endswith(f"grant {', '.join(rights)}.")


async def test_corrections_that_can_be_seen_and_not_read_are_named_at_the_start_and_read_once_they_may(
    secured: SecuredKafka, tmp_path: Path
) -> None:
    async with a_stream(secured.bootstrap_servers, tmp_path, **secured.login(user=MAY_LITTLE)) as stream:
        overrides = f"{stream.name}-overrides"
        await create_topic(secured.bootstrap_servers, overrides, 1, {"cleanup.policy": "compact"})
        seen = (ResourceType.TOPIC, overrides, AclOperation.DESCRIBE)
        await asyncio.to_thread(secured.grant, [*needed(stream).values(), seen])
        assert (await refusal(await stream.member())).endswith(f"grant READ on topic {overrides}.")
        await asyncio.to_thread(secured.grant, [(ResourceType.TOPIC, overrides, AclOperation.READ)])
        member = await stream.working_member()
        await member.until_logged("overrides_read")


@pytest.mark.parametrize(("topic", "value"), [("labels", ticket(1)), ("dead_letters", b"no ticket")])
async def test_a_right_that_is_taken_away_while_running_is_named_and_nothing_is_dropped(
    secured: SecuredKafka, tmp_path: Path, topic: str, value: bytes
) -> None:
    async with a_stream(secured.bootstrap_servers, tmp_path, **secured.login(user=MAY_LITTLE)) as stream:
        rights = needed(stream)
        await asyncio.to_thread(secured.grant, rights.values())
        member = await stream.working_member()
        name = getattr(stream, topic)
        await asyncio.to_thread(secured.withdraw, rights[f"WRITE on topic {name}"])
        await stream.put([value])
        assert await member.exited() == 1
        [sentence] = [line["text"] for line in member.log if "text" in line]
        await asyncio.to_thread(secured.grant, rights.values())
        await stream.working_member()
        await stream.settled()
        assert len(await stream.records(name)) == 1
    assert name in sentence
    assert "WRITE" in sentence


async def test_a_password_that_is_refused_while_running_is_told_and_read_again_where_it_is_mounted(
    secured: SecuredKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = tmp_path / "secrets" / "kafka__sasl_password"
    mounted.parent.mkdir()
    mounted.write_text(PASSWORDS[ROTATED])
    monkeypatch.setenv(SECRETS_DIR, str(mounted.parent))
    login = secured.login(user=ROTATED, listener=EXPIRING)
    del login["kafka__sasl_password"]
    async with a_stream(secured.bootstrap_servers, tmp_path, **login) as stream:
        member = await stream.working_member()
        await asyncio.to_thread(secured.change_password, ROTATED, "another")
        told = await member.until_logged("waiting_for_kafka")
        assert "refused the login" in told["detail"]
        await stream.put([ticket(1)])
        mounted.write_text("another")
        await stream.settled()
        assert [event["ticket_id"] for event in await stream.events()] == ["1"]
        assert member.process.returncode is None


async def test_exactly_once_wants_the_right_to_transactions(secured: SecuredKafka, tmp_path: Path) -> None:
    settings = secured.login(user=MAY_LITTLE) | {"kafka__delivery": "exactly-once"}
    async with a_stream(secured.bootstrap_servers, tmp_path, **settings) as stream:
        await asyncio.to_thread(secured.grant, needed(stream).values())
        sentence = await refusal(await stream.member())
    assert sentence.endswith(f"grant WRITE on every transactional id that begins with {stream.name}.")


async def test_exactly_once_with_its_rights_labels(secured: SecuredKafka, tmp_path: Path) -> None:
    settings = secured.login(user=MAY_LITTLE) | {"kafka__delivery": "exactly-once"}
    async with a_stream(secured.bootstrap_servers, tmp_path, **settings) as stream:
        transactions = (ResourceType.TRANSACTIONAL_ID, stream.name, AclOperation.WRITE)
        await asyncio.to_thread(secured.grant, [*needed(stream).values(), transactions])
        await stream.put([ticket(1)])
        await stream.working_member()
        await stream.settled()
        assert [event["ticket_id"] for event in await stream.events()] == ["1"]


@dataclass(frozen=True, slots=True)
class Topics:
    """The command `topics` of a user with few rights, for topics that only this test knows."""

    config: Path
    names: tuple[str, ...]

    async def run(self, *arguments: str) -> str:
        """What it says on stderr, ending with 1."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "stream_classifier", "topics", "--config", str(self.config), *arguments),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, told = await process.communicate()
        assert process.returncode == 1
        return told.decode()


@pytest.fixture
def topics(secured: SecuredKafka, tmp_path: Path) -> Topics:
    names = {f"{role}_topic": f"{tmp_path.name}-{role}" for role in ("input", "output", "dead_letter")}
    login = {path.removeprefix("kafka__"): value for path, value in secured.login(user=MAY_LITTLE).items()}
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"kafka": login | names, "taxonomy": {"labels": ["a", "b"]}}))
    return Topics(config, tuple(names.values()))


async def test_topics_that_may_not_be_seen_are_not_called_missing(topics: Topics) -> None:
    told = await topics.run()
    assert told.startswith("error: User:bob lacks rights at ")
    assert told.endswith(f"grant {', '.join(f'DESCRIBE on topic {name}' for name in topics.names)}.\n")


async def test_topics_that_may_not_be_made_name_the_right(secured: SecuredKafka, topics: Topics) -> None:
    rights = [(ResourceType.TOPIC, name, AclOperation.DESCRIBE) for name in topics.names]
    await asyncio.to_thread(secured.grant, rights)
    told = await topics.run("--create")
    assert told.startswith("error: User:bob lacks rights at ")
    assert told.endswith(f"grant CREATE on topic {topics.names[0]}.\n")
