"""A Kafka that asks who one is: TLS, logins and access rights, on one node with a listener for each way in.

`PLAINTEXT` stays open, for the tests' own topics and rights: whoever comes in by it may do everything.
"""

import base64
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.brokers.certificates import Authority, Identity
from tests.brokers.installation import Installation
from tests.brokers.kafka import HOST, Extra, KafkaNode, RealKafka

MAY_ALL, MAY_LITTLE, ROTATED = "alice", "bob", "carol"
PASSWORDS = {MAY_ALL: "alice-s3cret", MAY_LITTLE: "bob-s3cret", ROTATED: "carol-s3cret"}
SERVICE = "service"  # the CN of the client certificate that may do everything

LOGIN, EXPIRING, MUTUAL, MISNAMED = "LOGIN", "EXPIRING", "MUTUAL", "MISNAMED"
LISTENERS = {LOGIN: "SASL_SSL", EXPIRING: "SASL_SSL", MUTUAL: "SSL", MISNAMED: "SSL"}
LOGIN_LASTS_MS = 2_000  # at EXPIRING: then the connection is closed, and a client has to log in again
MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN", "OAUTHBEARER")
ANSWER_WAIT_S = 20.0
TOKEN_LASTS_S = 3600

Right = tuple[ResourceType, str, AclOperation]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuredKafka:
    """The node, and what opens its doors."""

    node: KafkaNode
    authority: Authority
    service: Identity

    @property
    def bootstrap_servers(self) -> str:
        """The open door, for what tests do themselves."""
        return self.node.address

    def login(
        self, mechanism: str = "SCRAM-SHA-512", user: str = MAY_ALL, listener: str = LOGIN
    ) -> dict[str, Any]:
        """`kafka` settings, by path, of a client that logs in."""
        named = mechanism != "OAUTHBEARER"
        secret = PASSWORDS[user] if named else unsigned_token(user)
        return {
            "kafka__bootstrap_servers": self.node.listener(listener),
            "kafka__security_protocol": "SASL_SSL",
            "kafka__sasl_mechanism": mechanism,
            "kafka__sasl_password": secret,
            "kafka__ssl_ca_file": str(self.authority.ca_file),
        } | ({"kafka__sasl_username": user} if named else {})

    def mutual(self, shown: Identity | None) -> dict[str, Any]:
        """`kafka` settings, by path, of a client that shows this certificate."""
        settings = {
            "kafka__bootstrap_servers": self.node.listener(MUTUAL),
            "kafka__security_protocol": "SSL",
            "kafka__ssl_ca_file": str(self.authority.ca_file),
        }
        if shown is not None:
            settings |= {
                "kafka__ssl_cert_file": str(shown.cert_file),
                "kafka__ssl_key_file": str(shown.key_file),
            }
        return settings

    def grant(self, rights: Iterable[Right], user: str = MAY_LITTLE) -> None:
        """Give the user these rights."""
        admin = self._admin()  # it must outlive its answers
        for answer in admin.create_acls([_binding(right, user) for right in rights]).values():
            answer.result(ANSWER_WAIT_S)

    def withdraw(self, right: Right, user: str = MAY_LITTLE) -> None:
        """Take this one right from the user."""
        kind, name, operation = right
        filters = AclBindingFilter(
            *(kind, name, ResourcePatternType.LITERAL, f"User:{user}", "*"),
            *(operation, AclPermissionType.ALLOW),
        )
        admin = self._admin()
        for answer in admin.delete_acls([filters]).values():
            answer.result(ANSWER_WAIT_S)

    def change_password(self, user: str, password: str) -> None:
        """From now on SCRAM-SHA-512 takes this password alone. Who is logged in stays so."""
        credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(user, credential, password.encode())
        admin = self._admin()
        for answer in admin.alter_user_scram_credentials([change]).values():
            answer.result(ANSWER_WAIT_S)

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap_servers})


def secured_kafka(directory: Path, installation: Installation) -> tuple[RealKafka, SecuredKafka]:
    """The cluster, not yet started, and its doors."""
    authority = Authority(directory / "trusted")
    broker, alien = authority.issue("broker", HOST), authority.issue("alien", "kafka.example.org")
    cluster = RealKafka(
        directory,
        installation,
        extra=Extra(
            listeners=LISTENERS,
            settings=_settings(authority, broker, alien),
            format_arguments=[
                f"--add-scram={mechanism}=[name={user},password={password}]"
                for user, password in PASSWORDS.items()
                for mechanism in MECHANISMS
                if mechanism.startswith("SCRAM")
            ],
        ),
    )
    return cluster, SecuredKafka(node=cluster.nodes[0], authority=authority, service=authority.issue(SERVICE))


def unsigned_token(user: str) -> str:
    """A token that nobody signed, as Kafka's own support for tests takes it."""
    claims = {"sub": user, "iat": int(time.time()), "exp": int(time.time()) + TOKEN_LASTS_S}
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), ""])


def _settings(authority: Authority, broker: Identity, alien: Identity) -> dict[str, str | int]:
    module = "org.apache.kafka.common.security"
    users = " ".join(f'user_{user}="{password}"' for user, password in PASSWORDS.items())
    jaas = {
        "plain": f"{module}.plain.PlainLoginModule required {users};",
        "scram-sha-256": f"{module}.scram.ScramLoginModule required;",
        "scram-sha-512": f"{module}.scram.ScramLoginModule required;",
        "oauthbearer": f"{module}.oauthbearer.OAuthBearerLoginModule required "
        'unsecuredLoginStringClaim_sub="broker";',
    }
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(broker.both_file),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.ca_file),
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.misnamed.ssl.keystore.type": "PEM",
        "listener.name.misnamed.ssl.keystore.location": str(alien.both_file),
        "listener.name.login.sasl.enabled.mechanisms": ",".join(MECHANISMS),
        **{f"listener.name.login.{name}.sasl.jaas.config": text for name, text in jaas.items()},
        "listener.name.expiring.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.expiring.scram-sha-512.sasl.jaas.config": jaas["scram-sha-512"],
        "listener.name.expiring.scram-sha-512.connections.max.reauth.ms": LOGIN_LASTS_MS,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{MAY_ALL};User:{ROTATED};User:CN={SERVICE}",
        "connection.failed.authentication.delay.ms": "100",
    }


def _binding(right: Right, user: str) -> AclBinding:
    kind, name, operation = right
    begins = kind is ResourceType.TRANSACTIONAL_ID  # one a partition
    pattern = ResourcePatternType.PREFIXED if begins else ResourcePatternType.LITERAL
    return AclBinding(kind, name, pattern, f"User:{user}", "*", operation, AclPermissionType.ALLOW)
