"""How long a follower waits."""

from paystate._backoff import Backoff


def test_doubles_up_to_ten_seconds_and_begins_again() -> None:
    backoff = Backoff(uniform=lambda _, limit: limit)
    assert [backoff.next() for _ in range(10)] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    backoff.reset()
    assert backoff.next() == 0.05


def test_waits_anything_from_nothing_to_the_limit() -> None:
    waits = [Backoff().next() for _ in range(1000)]
    assert min(waits) < 0.01 and 0.04 < max(waits) <= 0.05
