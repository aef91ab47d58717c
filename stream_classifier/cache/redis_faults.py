"""What Redis and its client raise, in a sentence: what a person must mend, and what waiting may."""

import ssl
from itertools import chain

from redis import exceptions as errors

from stream_classifier.core.faults import chain_of

PROTECTED_MODE = "DENIED"
NO_PASSWORD_THERE = "without any password configured"
NO_SUCH_DATABASE = "DB index is out of range"

LOGIN = "Redis refuses the login: check the user and the password in cache.url"
RIGHTS = (
    "this Redis user may not do all that is needed: allow it MGET, GET, SET, DEL, EXISTS, HGETALL,"
    " HINCRBYFLOAT, EXPIRE, MULTI, EXEC, EVALSHA and SCRIPT|LOAD, on keys that begin with cache.key_prefix"
)
CLUSTER = (
    "this is a Redis Cluster, whose keys lie on several servers: name a single Redis, or a primary with"
    " replicas behind one address"
)
NOT_REDIS = "what answers there is no Redis: check host and port in cache.url"
DATABASE = "there is no database of this number: check the number at the end of cache.url"
NO_PASSWORD = "Redis has no password set, and cache.url holds one: take it out, or set it there"
PROTECTED = (
    "Redis takes calls from its own machine only (protected mode): set a password there and in cache.url"
)
TLS = (
    "the encrypted connection cannot be made ({}): check the host's name, the certificate and its authority"
    " (SSL_CERT_FILE names those to trust), or write redis:// if this Redis does not encrypt"
)


BY_KIND: tuple[tuple[type[Exception], str], ...] = (
    (errors.ClusterCrossSlotError, CLUSTER),
    (errors.MovedError, CLUSTER),
    (errors.NoPermissionError, RIGHTS),
    (errors.InvalidResponse, NOT_REDIS),
)
BY_WORDS = ((NO_SUCH_DATABASE, DATABASE), (NO_PASSWORD_THERE, NO_PASSWORD), (PROTECTED_MODE, PROTECTED))
LOGIN_FAULTS = (
    errors.AuthenticationError,
    errors.AuthorizationError,
    errors.AuthenticationWrongNumberOfArgsError,
)
TLS_FAULTS = (ssl.SSLError, FileNotFoundError, PermissionError)
PASSING_TLS_FAULTS = (ssl.SSLEOFError, ssl.SSLZeroReturnError)  # a server that stops just then


def for_a_person(error: Exception) -> str | None:
    """What a person must mend, as a sentence's end; None for what may pass by itself."""
    by_kind = (sentence for kind, sentence in BY_KIND if isinstance(error, kind))
    by_words = (sentence for words, sentence in BY_WORDS if words in str(error))
    login = (LOGIN for kind in LOGIN_FAULTS if isinstance(error, kind))
    tls = (TLS.format(_reason(cause)) for cause in chain_of(error) if _is_tls(cause))
    return next(chain(by_kind, by_words, login, tls), None)


def in_short(error: Exception) -> str:
    """A reason for the log. Redis' own words hold neither a value nor a password."""
    return for_a_person(error) or str(error) or type(error).__name__


def _is_tls(cause: BaseException) -> bool:
    return isinstance(cause, TLS_FAULTS) and not isinstance(cause, PASSING_TLS_FAULTS)


def _reason(cause: BaseException) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    return (cause.strerror if isinstance(cause, OSError) else None) or type(cause).__name__
