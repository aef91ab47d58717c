import asyncio
import io
import json
import logging
import ssl
import warnings
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.answer import Lane
from stream_classifier.core.faults import OperatorFault
from stream_classifier.observe.exceptions import MAX_ERRORS, MAX_FRAMES, describe
from stream_classifier.observe.library_lines import LibraryHandler, Repeats
from stream_classifier.observe.limiter import EventLimiter
from stream_classifier.observe.logs import Flush, Format, Level, configure, rfc3339_ms
from stream_classifier.observe.masking import is_secret_name, mask_text

NOON = 1_767_268_800.25  # 2026-01-01T12:00:00.250Z


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Full(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError("no space left on device")


class Log:
    """A configured log, its clock, and what it has written."""

    def __init__(self) -> None:
        self.stream: io.StringIO = io.StringIO()
        self.now = 0.0
        self.flush: Flush = lambda: None

    def configure(self, level: Level = "info", log_format: Format = "json", limit: int = 1000) -> None:
        self.flush = configure(
            level, log_format, limit, self.stream, clock=lambda: self.now, now=lambda: NOON
        )

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().split("\n") if line]

    def text(self) -> str:
        return self.stream.getvalue()


@pytest.fixture
def log() -> Log:
    log = Log()
    log.configure()
    return log


def raised(make: Callable[[], object], kind: type[BaseException] = ZeroDivisionError) -> BaseException:
    with pytest.raises(kind) as caught:
        make()
    return caught.value


# --- the line


def test_a_line_is_one_json_object_that_begins_with_time_level_logger_and_event(log: Log) -> None:
    structlog.get_logger("stream_classifier.kafka.intake").info("assigned", partitions=[0, 1])
    assert log.text() == (
        '{"timestamp":"2026-01-01T12:00:00.250Z","level":"info","logger":"stream_classifier.kafka.intake",'
        '"event":"assigned","partitions":[0,1]}\n'
    )


def test_context_bound_once_stands_in_every_line(log: Log) -> None:
    with structlog.contextvars.bound_contextvars(group_id="g"):
        structlog.get_logger("x").info("assigned")
    assert log.lines()[0]["group_id"] == "g"


def test_a_level_below_the_configured_one_is_silent(log: Log) -> None:
    log.configure(level="warning")
    structlog.get_logger("x").info("assigned")
    assert log.text() == ""


def test_a_second_configuration_is_heeded_by_loggers_that_exist(log: Log) -> None:
    logger = structlog.get_logger("x")
    log.configure(level="error")
    logger.info("before")
    log.configure(level="debug")
    logger.debug("after")
    assert [line["event"] for line in log.lines()] == ["after"]


@given(value=st.one_of(st.text(), st.integers(), st.floats(), st.just("\ud800"), st.binary()))
def test_whatever_the_value_a_line_is_written_on_one_line_and_is_json(value: object) -> None:
    log = Log()
    log.configure()
    structlog.get_logger("x").info("ticket_done", value=value)
    assert [line["event"] for line in log.lines()] == ["ticket_done"]
    assert log.text().count("\n") == 1


def test_a_stream_that_cannot_be_written_loses_lines_and_stops_nothing(log: Log) -> None:
    log.stream = Full()
    log.configure()
    structlog.get_logger("x").info("assigned")


def test_a_closed_stream_loses_lines_and_stops_nothing(log: Log) -> None:
    log.stream.close()
    structlog.get_logger("x").info("assigned")


@given(unix_s=st.floats(0, 4e9))
def test_times_are_rfc_3339_in_utc_with_three_digits(unix_s: float) -> None:
    stamp = rfc3339_ms(unix_s)
    assert len(stamp) == len("2026-01-01T12:00:00.250Z")
    assert stamp.endswith("Z")


# --- for people


def test_auto_is_the_console_on_a_terminal_and_json_elsewhere(log: Log) -> None:
    log.configure(log_format="auto")
    structlog.get_logger("x").info("piped")
    assert log.lines()[0]["event"] == "piped"
    log.stream = Terminal()
    log.configure(log_format="auto")
    structlog.get_logger("x").info("shown")
    assert not log.text().startswith("{")


def test_colours_appear_on_a_terminal_only_and_never_with_no_color(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown(stream: io.StringIO) -> str:
        log.stream = stream
        log.configure(log_format="console")
        structlog.get_logger("x").info("assigned", partition=1)
        return log.text()

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in shown(Terminal())
    assert "\x1b[" not in shown(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in shown(Terminal())


def test_the_console_shows_control_characters_and_does_not_obey_them(log: Log) -> None:
    log.configure(log_format="console")
    structlog.get_logger("x").info("needs_review", ticket_id="\x1b]0;owned\x07")
    assert "\x1b" not in log.text()
    assert r"\x1b]0;owned\x07" in log.text()


def test_the_console_shows_an_exception_below_its_line(log: Log) -> None:
    log.configure(log_format="console")
    structlog.get_logger("x").error("stopped", exc_info=raised(lambda: 1 / 0))
    head, error, frame = log.text().splitlines()[:3]
    assert "stopped" in head
    assert error == "ZeroDivisionError: division by zero"
    assert "test_logs.py" in frame


# --- the limiter


def test_above_the_limit_one_line_with_the_count_stands_for_the_rest(log: Log) -> None:
    log.configure(limit=2)
    for _ in range(5):
        structlog.get_logger("x").error("call_failed")
    log.now = 1.0
    structlog.get_logger("x").info("summary")
    told = [(line["event"], line.get("suppressed_event"), line.get("count")) for line in log.lines()]
    assert told == [
        ("call_failed", None, None),
        ("call_failed", None, None),
        ("log_suppressed", "call_failed", 3),
        ("summary", None, None),
    ]


def test_flush_tells_what_the_last_second_held_back(log: Log) -> None:
    log.configure(limit=1)
    structlog.get_logger("x").info("needs_review")
    structlog.get_logger("x").info("needs_review")
    log.flush()
    log.flush()
    assert [line["event"] for line in log.lines()] == ["needs_review", "log_suppressed"]


@given(
    limit=st.integers(1, 4),
    lines=st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 0.9)), max_size=60),
)
def test_every_line_is_either_written_or_counted_and_none_is_both(
    limit: int, lines: list[tuple[str, float]]
) -> None:
    now, written, counted, in_second = 0.0, 0, 0, dict[tuple[int, str], int]()

    def announce(_event: str, count: int) -> None:
        nonlocal counted
        counted += count

    limiter = EventLimiter(limit, clock=lambda: now, announce=announce)
    for event, step in lines:
        now += step
        try:
            limiter(None, "info", {"event": event})
        except structlog.DropEvent:
            continue
        written += 1
        in_second[int(now), event] = in_second.get((int(now), event), 0) + 1
    limiter.flush()
    assert written + counted == len(lines)
    assert all(n <= limit for n in in_second.values())


# --- exceptions


def test_an_exception_is_fields_on_the_same_line(log: Log) -> None:
    structlog.get_logger("x").error("stopped", exc_info=raised(lambda: 1 / 0))
    (line,) = log.lines()
    (error,) = line["exception"]
    assert (error["type"], error["message"]) == ("ZeroDivisionError", "division by zero")
    assert "test_logs.py" in error["frames"][-1]


def test_log_exception_takes_the_error_being_handled_at_level_error(log: Log) -> None:
    try:
        raise OperatorFault("Set http.port to a free port.")
    except OperatorFault:
        structlog.get_logger("x").exception("stopped")
    (line,) = log.lines()
    assert line["level"] == "error"
    assert line["exception"][0]["message"] == "Set http.port to a free port."


TEXT = "my card is 4111"


def fail(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda: int(TEXT), id="ValueError"),
        pytest.param(lambda: dict[str, str]()[TEXT], id="KeyError"),
        pytest.param(lambda: list[str]().index(TEXT), id="index"),
        pytest.param(lambda: Lane(TEXT), id="enum"),
        pytest.param(lambda: fail(RuntimeError(TEXT)), id="RuntimeError"),
        pytest.param(lambda: fail(httpx.InvalidURL(TEXT)), id="a library's"),
    ],
)
def test_a_message_that_quotes_the_value_is_withheld(log: Log, fault: Callable[[], object]) -> None:
    structlog.get_logger("x").error("stopped", exc_info=raised(fault, Exception))
    assert TEXT not in log.text()
    assert log.lines()[0]["exception"][0]["message"] is None


def test_neither_local_variables_nor_source_lines_reach_the_log(log: Log) -> None:
    def label(ticket: str) -> None:
        raise RuntimeError(f"no label after {len(ticket)} characters")

    structlog.get_logger("x").error(
        "stopped", exc_info=raised(lambda: label("the customer's words"), RuntimeError)
    )
    assert "customer" not in log.text()


def test_the_cause_and_the_members_of_a_group_follow_in_order() -> None:
    def fail() -> None:
        group = ExceptionGroup("lanes", [OSError("a"), OSError("b")])
        raise RuntimeError("stopped") from group

    assert [each["type"] for each in describe(raised(fail, RuntimeError))] == [
        "RuntimeError", "ExceptionGroup", "OSError", "OSError",
    ]  # fmt: skip


def test_a_chain_that_leads_back_into_itself_ends() -> None:
    first, second = OSError("first"), OSError("second")
    first.__cause__, second.__cause__ = second, first
    assert [each["message"] for each in describe(first)] == ["first", "second"]


def test_errors_and_frames_have_their_limits_and_the_innermost_frames_stay() -> None:
    def down(depth: int) -> None:
        if not depth:
            raise OSError("bottom")
        down(depth - 1)

    assert len(describe(ExceptionGroup("many", [OSError(str(n)) for n in range(50)]))) == MAX_ERRORS
    frames = describe(raised(lambda: down(50), OSError))[0]["frames"]
    assert len(frames) == MAX_FRAMES
    assert all(frame.endswith(" down") for frame in frames)


# --- secrets


@pytest.mark.parametrize(
    "name", ["api_key", "apikey", "x-api-key", "sasl_password", "token", "access_token", "Authorization"]
)
def test_a_field_named_like_a_secret_is_masked_at_any_depth(log: Log, name: str) -> None:
    structlog.get_logger("x").info("assigned", **{name: "hunter2"}, nested=[{name: "hunter2"}])
    assert "hunter2" not in log.text()
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["tokens", "tokens_in", "max_tokens", "tokens_per_minute", "key_order"])
def test_counts_and_settings_that_only_sound_like_secrets_are_shown(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("key sk-proj-abcdef0123456789 refused", "key *** refused"),
        ("Authorization: Bearer abcdef0123456789abcdef", "Authorization: Bearer ***"),
        ("cannot reach redis://user:hunter2@cache:6379/0", "cannot reach redis://***@cache:6379/0"),
        ("connected to broker-1:9092", "connected to broker-1:9092"),
    ],
)
def test_what_has_the_shape_of_a_credential_is_masked_inside_a_sentence(said: str, shown: str) -> None:
    assert mask_text(said) == shown


def test_a_secret_in_an_exceptions_message_is_masked(log: Log) -> None:
    structlog.get_logger("x").error("stopped", exc_info=OSError("redis://u:hunter2@cache refused"))
    assert "hunter2" not in log.text()
    assert "redis://***@cache refused" in log.text()


# --- the libraries


def test_a_librarys_warning_becomes_the_event_library(log: Log) -> None:
    logging.getLogger("aiokafka.conn").warning("Sending username and password in the clear")
    (line,) = log.lines()
    assert (line["event"], line["level"], line["logger"]) == ("library", "warning", "aiokafka.conn")
    assert (line["library"], line["message"]) == ("aiokafka", "Sending username and password in the clear")


def test_what_a_library_says_below_warning_is_left_out(log: Log) -> None:
    logging.getLogger("httpx").info("HTTP Request: POST https://api.openai.com/v1")
    assert log.text() == ""


def test_a_message_that_repeats_itself_is_told_once_in_thirty_seconds_with_the_count(log: Log) -> None:
    for _ in range(300):
        logging.getLogger("aiokafka").error("Unable connect to node with id %s: %s", 1, "refused")
    log.now = 30.0
    logging.getLogger("aiokafka").error("Unable connect to node with id %s: %s", 1, "refused")
    assert [line["held_back"] for line in log.lines()] == [0, 299]


def test_a_rebalance_is_ordinary_and_not_told_twice(log: Log) -> None:
    logging.getLogger("aiokafka.consumer.group_coordinator").warning(
        "Heartbeat failed for group %s because it is rebalancing", "g"
    )
    assert log.text() == ""


def test_an_error_of_the_network_has_a_type_and_a_message_and_no_frames(log: Log) -> None:
    try:
        raise ssl.SSLError("certificate has expired")
    except ssl.SSLError:
        logging.getLogger("aiokafka").exception("Unexpected exception in AIOKafkaConnection")
    (line,) = log.lines()
    assert line["error_type"] == "ssl.SSLError"
    assert "exception" not in line


def test_a_fault_that_nobody_caught_has_its_frames_and_only_the_first_line_of_asyncios_message(
    log: Log,
) -> None:
    loop = asyncio.new_event_loop()
    error = raised(lambda: 1 / 0)
    loop.call_exception_handler({"message": "Task was lost", "exception": error, "future": "ticket text"})
    loop.close()
    (line,) = log.lines()
    assert line["message"] == "Task was lost"
    assert line["exception"][0]["type"] == "ZeroDivisionError"


def test_a_librarys_slip_in_its_arguments_does_not_stop_its_caller(log: Log) -> None:
    slip = {"name": "aiokafka", "msg": "fetched %d from %s", "args": ("one",), "levelno": logging.ERROR}
    LibraryHandler(clock=lambda: 0.0).emit(logging.makeLogRecord(slip))
    assert log.lines()[0]["message"] == "fetched %d from %s"


def test_messages_of_asyncio_that_differ_only_in_addresses_are_one_message(log: Log) -> None:
    for address in range(3):
        logging.getLogger("asyncio").error(f"Unclosed connection\nconnection: <0x{address}>")
    assert [line["message"] for line in log.lines()] == ["Unclosed connection"]


def test_pythons_warnings_do_not_print_by_themselves(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        log.configure()
        warnings.warn("old form", DeprecationWarning, stacklevel=1)
    assert capsys.readouterr().err == ""
    assert log.lines()[0]["library"] == "py"


@given(times=st.lists(st.floats(0, 100), max_size=50))
def test_what_was_held_back_since_the_last_time_is_told_the_next_time(times: list[float]) -> None:
    repeats, waiting = Repeats(repeat_s=10.0), 0
    for now in sorted(times):
        held_back = repeats.due(("aiokafka", "refused", ""), now)
        if held_back is None:
            waiting += 1
        else:
            assert held_back == waiting
            waiting = 0


def test_the_memory_of_repeats_is_bounded() -> None:
    repeats = Repeats(max_kinds=3)
    for n in range(100):
        repeats.due(("lib", f"message {n}", ""), 0.0)
    assert len(repeats._told) <= 3
