from stream_classifier.core.stillness import Stillness
from stream_classifier.observe.health import Health, standing_still


def test_all_checks_well_is_ok_without_reasons() -> None:
    report = Health(alive=[lambda: None], ready=[]).liveness()
    assert (report.ok, report.reasons) == (True, ())


def test_every_check_that_fails_is_heard_not_only_the_first() -> None:
    health = Health(alive=[], ready=[lambda: "No group yet.", lambda: None, lambda: "Cache unread."])
    assert health.readiness().reasons == ("No group yet.", "Cache unread.")
    assert not health.readiness().ok


def test_readiness_does_not_touch_liveness() -> None:
    assert Health(alive=[], ready=[lambda: "No group yet."]).liveness().ok


def test_checks_are_asked_anew_each_time() -> None:
    answers = iter(["Not yet.", None])
    health = Health(alive=[], ready=[lambda: next(answers)])
    assert [health.readiness().ok, health.readiness().ok] == [False, True]


def test_a_stuck_partition_is_named_with_its_time() -> None:
    stillness, now = Stillness(stall_s=10.0), 0.0
    check = standing_still(stillness, lambda: now)
    stillness.seen(3, position=5, finished=5, has_work=True, excused=False, now=0.0)
    assert check() is None
    now = 20.0
    assert "3 (for 20 s)" in (check() or "")
