"""The follower against a core that plays scripts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from grpc import StatusCode

from paystate import ChainBroken, Follower, Refused, Unprocessable
from paystate._backoff import Backoff
from paystate.v1.order_pb2 import EVENT_KIND_PAYMENT_SUCCEEDED
from paystate.v1.subscription_service_pb2 import Batch, EventFilter, Position, StreamEventsResponse

from .scripted import OPEN, Failure, Script, ScriptedCore, batch, going_away, opened, progress


class Ledger:
    """Keeps what it got, and stops the follower at a revision."""

    def __init__(self, core: ScriptedCore, last: int = 0, stored: str | None = None, quiet_after: float = 30) -> None:
        self.follower = Follower(core.channel, quiet_after=quiet_after)
        self.got: list[tuple[int, int, list[int]]] = []
        self.stored = stored
        self._last = last

    def position(self) -> str | None:
        return self.stored

    def handle(self, batch: Batch) -> None:
        self.got.append((batch.after_revision, batch.up_to_revision, [event.revision for event in batch.events]))
        self.stored = batch.resume_token
        if batch.up_to_revision == self._last:
            self.follower.stop()

    def follow(self) -> Ledger:
        self.follower.run(self)
        return self


def test_delivers_batches_in_order_and_progress_as_checkpoints() -> None:
    script = [opened(0), batch(0, 3, 1, 3), progress(3), progress(7), batch(7, 9, 8, 9), OPEN]
    with ScriptedCore(script) as core:
        ledger = Ledger(core, last=9).follow()
        assert core.requests[0].position.earliest
    assert ledger.got == [(0, 3, [1, 3]), (3, 7, []), (7, 9, [8, 9])]


def test_resumes_from_the_stored_position() -> None:
    with ScriptedCore([opened(7), batch(7, 9, 8), OPEN]) as core:
        Ledger(core, last=9, stored="t7").follow()
        assert core.requests[0].position.resume_token == "t7"


def test_sends_filter_and_start() -> None:
    only = EventFilter(kinds=[EVENT_KIND_PAYMENT_SUCCEEDED])
    with ScriptedCore([opened(41), Failure(StatusCode.UNAVAILABLE)], [opened(41), progress(42), OPEN]) as core:
        ledger = Ledger(core, last=42)
        ledger.follower = Follower(core.channel, filter=only, start=Position(latest=True))
        ledger.follow()
        assert core.requests[0].filter == only
        assert core.requests[0].position.latest
        # "latest" is decided once: what came between the two streams is not skipped.
        assert core.requests[1].position.after_revision == 41


def test_stores_where_it_is_before_the_first_event() -> None:
    with ScriptedCore([opened(41), progress(41), OPEN]) as core:
        ledger = Ledger(core, last=41)
        ledger.follower = Follower(core.channel, start=Position(latest=True))
        ledger.follow()
    assert ledger.got == [(41, 41, [])]
    assert ledger.stored == "t41"


def test_comes_back_after_every_passing_failure() -> None:
    passing = [
        StatusCode.UNAVAILABLE,
        StatusCode.DEADLINE_EXCEEDED,
        StatusCode.INTERNAL,
        StatusCode.RESOURCE_EXHAUSTED,
        StatusCode.ABORTED,
        StatusCode.UNKNOWN,
        StatusCode.CANCELLED,
    ]
    scripts: list[Script] = [[Failure(StatusCode.UNAVAILABLE)]]
    scripts += [[opened(n), batch(n, n + 1, n + 1), Failure(code)] for n, code in enumerate(passing)]
    scripts += [[opened(7), batch(7, 8, 8)], [opened(8), batch(8, 9, 9), going_away(), OPEN], [going_away()], []]
    scripts += [[opened(9), batch(9, 10, 10), OPEN]]
    with ScriptedCore(*scripts) as core:
        ledger = Ledger(core, last=10).follow()
        asked = [request.position.resume_token for request in core.requests]
    assert asked == ["", "", *(f"t{revision}" for revision in range(1, 10)), "t9", "t9"]
    assert [end for _, end, _ in ledger.got] == list(range(1, 11))


def test_a_quiet_stream_is_given_up() -> None:
    with ScriptedCore([opened(0), batch(0, 1, 1), OPEN], [opened(1), batch(1, 2, 2), OPEN]) as core:
        Ledger(core, last=2, quiet_after=0.2).follow()
        assert len(core.requests) == 2


@pytest.mark.parametrize(
    "scripts",
    [
        [[opened(0), batch(0, 3, 1), batch(4, 5, 5)]],
        [[opened(0), batch(0, 3, 1), batch(0, 3, 1)]],
        [[opened(0), progress(3), batch(0, 5, 5)]],
        [[opened(0), batch(0, 3, 1), progress(2)]],
        [[opened(0), batch(0, 3, 2, 2)]],
        [[opened(0), batch(0, 3, 3, 2)]],
        [[opened(0), batch(0, 3, 4)]],
        [[opened(5), batch(5, 7, 5)]],
        [[batch(0, 3, 1)]],
        [[opened(0), opened(0)]],
        [[opened(0), batch(0, 3, 1)], [opened(2)]],
        [[opened(0), batch(0, 3, 1)], [opened(4)]],
        [[opened(0), batch(0, 3, 1)], [opened(3, log_id="M")]],
    ],
)
def test_a_gap_a_repetition_or_another_log_breaks_the_chain(scripts: list[Script]) -> None:
    with ScriptedCore(*scripts) as core, pytest.raises(ChainBroken):
        Ledger(core).follow()


def test_nothing_of_a_broken_batch_is_handled() -> None:
    with ScriptedCore([opened(0), batch(0, 3, 1, 4)]) as core:
        ledger = Ledger(core)
        with pytest.raises(ChainBroken, match="event 4 follows on revision 1 in a batch that ends at 3"):
            ledger.follow()
        assert ledger.got == []


def test_a_refusal_ends_it_with_the_reason() -> None:
    refusal = Failure(StatusCode.FAILED_PRECONDITION, "LOG_ID_CHANGED", metadata={"log_id": "M"})
    with ScriptedCore([refusal]) as core, pytest.raises(Refused) as caught:
        Ledger(core).follow()
    assert caught.value.code == StatusCode.FAILED_PRECONDITION
    assert caught.value.reason == "LOG_ID_CHANGED"
    assert caught.value.metadata == {"log_id": "M"}


@pytest.mark.parametrize(
    "code",
    [
        StatusCode.INVALID_ARGUMENT,
        StatusCode.OUT_OF_RANGE,
        StatusCode.NOT_FOUND,
        StatusCode.UNAUTHENTICATED,
        StatusCode.PERMISSION_DENIED,
        StatusCode.UNIMPLEMENTED,
    ],
)
def test_a_refusal_needs_no_reason(code: StatusCode) -> None:
    with ScriptedCore([opened(0), Failure(code)]) as core, pytest.raises(Refused) as caught:
        Ledger(core).follow()
    assert (caught.value.code, caught.value.reason) == (code, "")


def test_only_the_cores_own_reasons_count() -> None:
    foreign = Failure(StatusCode.FAILED_PRECONDITION, "LEASE_LOST", "proxy.example", {"by": "proxy"})
    with ScriptedCore([foreign]) as core, pytest.raises(Refused) as caught:
        Ledger(core).follow()
    assert (caught.value.reason, caught.value.metadata) == ("", {})


def test_the_handlers_own_error_ends_it_as_it_is() -> None:
    class Full(Ledger):
        def handle(self, batch: Batch) -> None:
            raise OSError("disk full")

    with ScriptedCore([opened(0), batch(0, 1, 1), OPEN]) as core, pytest.raises(OSError, match="disk full"):
        Full(core).follow()


def test_stop_ends_a_waiting_follower() -> None:
    with ScriptedCore([opened(0), OPEN]) as core, ThreadPoolExecutor() as threads:
        ledger = Ledger(core)
        running = threads.submit(ledger.follow)
        core.asked.acquire()
        ledger.follower.stop()
        assert running.result(timeout=10).got == []


def test_somebody_has_to_keep_the_position() -> None:
    class Forgetful:
        def handle(self, batch: Batch) -> None: ...

    with ScriptedCore() as core:
        with pytest.raises(TypeError, match="nobody keeps the position"):
            Follower(core.channel).run(Forgetful())
        with pytest.raises(ValueError, match="of its own"):
            Follower(core.channel, subscription="inventory", start=Position(latest=True))
        assert core.requests == []


class Subscriber:
    """Handles a subscription until a revision is handled."""

    def __init__(self, core: ScriptedCore, last: int, effect: Callable[[Batch], None] = lambda _: None) -> None:
        self.follower = Follower(core.channel, subscription="inventory")
        self.handled: list[int] = []
        self._last = last
        self._effect = effect

    def handle(self, batch: Batch) -> None:
        self._effect(batch)
        self.handled.append(batch.up_to_revision)
        if batch.up_to_revision == self._last:
            self.follower.stop()

    def follow(self) -> list[int]:
        self.follower.run(self)
        return self.handled


def test_a_subscription_acknowledges_what_was_handled() -> None:
    with ScriptedCore([opened(5, lease="a"), batch(5, 7, 6, 7), progress(9), batch(9, 10, 10), OPEN]) as core:
        assert Subscriber(core, last=10).follow() == [7, 9, 10]
        assert core.requests[0].subscription == "inventory"
        assert not core.requests[0].HasField("position")
        assert core.calls == [("acknowledge", "a", 7), ("acknowledge", "a", 9), ("acknowledge", "a", 10)]


def test_a_subscription_begins_anew_where_the_core_says() -> None:
    scripts: list[Script] = [
        [opened(5, lease="a"), batch(5, 7, 6), OPEN],
        [opened(5, lease="b"), batch(5, 7, 6), OPEN],
        [opened(2, lease="c"), batch(2, 8, 3), Failure(StatusCode.ABORTED, "LEASE_LOST")],
        [opened(8, lease="d"), batch(8, 9, 9), OPEN],
    ]
    with ScriptedCore(*scripts) as core:
        core.acknowledge_failures += [
            Failure(StatusCode.UNAVAILABLE),
            Failure(StatusCode.FAILED_PRECONDITION, "LEASE_LOST"),
        ]
        assert Subscriber(core, last=9).follow() == [7, 7, 8, 9]
        assert core.calls == [
            ("acknowledge", "a", 7),
            ("acknowledge", "b", 7),
            ("acknowledge", "c", 8),
            ("acknowledge", "d", 9),
        ]


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Below what each wait of a follower was drawn; it does not really wait."""
    limits: list[float] = []

    def uniform(_: float, limit: float) -> float:
        limits.append(limit)
        return 0

    monkeypatch.setattr("paystate._follower.Backoff", lambda: Backoff(uniform))
    return limits


def test_on_a_subscription_only_an_acknowledgement_makes_the_waits_short_again(limits: list[float]) -> None:
    lost = Failure(StatusCode.FAILED_PRECONDITION, "LEASE_LOST")
    with ScriptedCore(
        [opened(5), progress(5), lost],
        [opened(5), StreamEventsResponse(), lost],
        [opened(5), batch(5, 7, 6), OPEN],
        [opened(5), batch(5, 7, 6), lost],
        [opened(7), batch(7, 8, 8), OPEN],
    ) as core:
        core.acknowledge_failures.append(lost)
        Subscriber(core, last=8).follow()
    assert limits[:4] == [0.05, 0.1, 0.2, 0.05]


def test_a_parked_event_makes_the_waits_short_again(limits: list[float]) -> None:
    def effect(batch: Batch) -> None:
        if batch.events[0].revision == 6:
            raise Unprocessable("e6", "no such SKU")

    with ScriptedCore([], [], [opened(5), batch(5, 6, 6), OPEN], [opened(6), batch(6, 7, 7), OPEN]) as core:
        Subscriber(core, last=7, effect=effect).follow()
    assert limits[:3] == [0.05, 0.1, 0.05]


def test_with_a_position_of_its_own_progress_makes_the_waits_short_again(limits: list[float]) -> None:
    with ScriptedCore([], [], [opened(5), progress(5)], [], [opened(5), batch(5, 6, 6), OPEN]) as core:
        Ledger(core, last=6, stored="t5").follow()
    assert limits[:4] == [0.05, 0.1, 0.05, 0.1]


def test_a_wrong_acknowledgement_is_an_error() -> None:
    with ScriptedCore([opened(5, lease="a"), batch(5, 7, 6), OPEN]) as core:
        core.acknowledge_failures.append(Failure(StatusCode.FAILED_PRECONDITION, "ACKNOWLEDGE_AHEAD"))
        with pytest.raises(Refused) as caught:
            Subscriber(core, last=7).follow()
        assert caught.value.reason == "ACKNOWLEDGE_AHEAD"


def test_an_unprocessable_event_is_parked() -> None:
    def effect(batch: Batch) -> None:
        if batch.events[0].revision == 6:
            raise Unprocessable("e6", "no such SKU")

    scripts = [
        [opened(5, lease="a"), batch(5, 7, 6, 7), OPEN],
        [opened(5, lease="b"), batch(5, 7, 7), OPEN],
    ]
    with ScriptedCore(*scripts) as core:
        assert Subscriber(core, last=7, effect=effect).follow() == [7]
        assert core.calls == [("park", "a", "e6", "no such SKU"), ("acknowledge", "b", 7)]
        assert all(20 < seconds < 40 for seconds in core.seconds_left)


def test_an_unprocessable_event_is_parked_also_as_a_cause() -> None:
    def effect(batch: Batch) -> None:
        if batch.events[0].revision == 6:
            try:
                raise Unprocessable("e6", "no such SKU")
            except Unprocessable as event:
                raise RuntimeError("rolled back") from event

    scripts = [
        [opened(5, lease="a"), batch(5, 7, 6, 7), OPEN],
        [opened(5, lease="b"), batch(5, 7, 7), OPEN],
    ]
    with ScriptedCore(*scripts) as core:
        assert Subscriber(core, last=7, effect=effect).follow() == [7]
        assert core.calls == [("park", "a", "e6", "no such SKU"), ("acknowledge", "b", 7)]


