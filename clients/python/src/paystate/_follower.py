"""Follows the core's log of events."""

from __future__ import annotations

import logging
import threading
from typing import cast

import grpc

from ._backoff import Backoff
from ._chain import Chain
from ._errors import ChainBroken, Lost
from ._readings import DurableSubscription, Handler, OwnPosition, PositionHandler, Reading
from ._stream import EventStream
from .v1.subscription_service_pb2 import Batch, EventFilter, Position, Progress
from .v1.subscription_service_pb2_grpc import SubscriptionServiceStub

__all__ = ["Follower", "Handler", "PositionHandler"]

_log = logging.getLogger("paystate")


class Follower:
    """Reconnects for ever, resumes where it was, and proves that nothing is missing.

    The position is kept in one of two places:

    - in the handler's own database (the default): a `PositionHandler` stores it together with its effects, which are
      then exactly once;
    - in the core, as a subscription: any `Handler` will do, what it has handled is acknowledged, and what it cannot
      handle is parked; its effects are at least once.

    Example:

        with connect("http://127.0.0.1:50051") as channel:
            Follower(channel).run(Inventory(database))
    """

    def __init__(
        self,
        channel: grpc.Channel,
        *,
        filter: EventFilter | None = None,
        start: Position | None = None,
        subscription: str | None = None,
        quiet_after: float = 30.0,
    ) -> None:
        """Makes the follower; nothing is asked of the core yet. It does not close the channel.

        filter: only these events; it must stay the same as long as the stored position is used.
        start: where to begin when the handler has stored no position yet; the earliest event that is kept if absent.
            On a quiet log the handler soon gets a batch without events, so that it stores where that is.
        subscription: the name of one that exists; it has a filter and a start of its own.
        quiet_after: after so many seconds without any message a stream is taken for dead. A core sends one every
            few seconds.
        """
        if subscription is not None and (filter is not None or start is not None):
            raise ValueError("a subscription has a filter and a position of its own")
        self._core = SubscriptionServiceStub(channel)
        self._filter = filter or EventFilter()
        self._start = start or Position(earliest=True)
        self._subscription = subscription
        self._quiet_after = quiet_after
        self._stopped = threading.Event()
        self._current: EventStream | None = None

    def run(self, handler: Handler) -> None:
        """Hands every event to the handler, on this thread, until `stop` is called.

        `handler` is a `PositionHandler`, or any handler if there is a subscription. What it raises comes through.
        Raises `Refused` if the core refuses for a reason that will not pass, `ChainBroken` if events are missing or
        repeated, and TypeError if nobody would keep the position.
        """
        reading = self._reading(handler)
        backoff = Backoff()
        while not self._stopped.is_set():
            try:
                with EventStream(self._core, reading.request(), self._quiet_after) as stream:
                    self._current = stream
                    if not self._stopped.is_set():  # Asked again: `stop` may not have seen this stream.
                        self._read(stream, reading, backoff)
            except Lost as reason:
                if not self._stopped.is_set():
                    _log.info("stream of events lost, reconnecting: %s", reason)
            self._stopped.wait(backoff.next())

    def stop(self) -> None:
        """Ends `run` for good after the batch that is being handled, if any; returns at once. From any thread."""
        self._stopped.set()
        if self._current is not None:
            self._current.close()

    def _reading(self, handler: Handler) -> Reading:
        if self._subscription is not None:
            return DurableSubscription(self._core, self._subscription, handler)
        if not hasattr(handler, "position"):
            raise TypeError("nobody keeps the position: give a PositionHandler, or name a subscription")
        return OwnPosition(cast(PositionHandler, handler), self._filter, self._start)

    def _read(self, stream: EventStream, reading: Reading, backoff: Backoff) -> None:
        """Reads one stream to its end."""
        chain = _opened(stream, reading)
        while chain is not None and not self._stopped.is_set():
            message = stream.next()
            if message is None:
                return
            goes_on, before = True, chain.end
            match message.WhichOneof("message"):
                case "batch":
                    goes_on = _deliver(message.batch, chain, reading)
                case "progress":
                    goes_on = _progress(message.progress, chain, reading)
                case "going_away":
                    raise Lost(f"the core goes away: {message.going_away.reason}")
                case "opened":
                    raise ChainBroken("a stream was opened twice")
                case None:
                    pass  # Of a newer core, and of no concern here.
            # On a subscription a sign of life gets nothing done: an acknowledgement or a parked event does.
            if self._subscription is None or chain.end > before:
                backoff.reset()
            if not goes_on:
                return


def _opened(stream: EventStream, reading: Reading) -> Chain | None:
    """The chain that the stream's first message begins; None if the stream ended before."""
    first = stream.next()
    if first is None or first.HasField("going_away"):
        return None
    if not first.HasField("opened"):
        raise ChainBroken("a stream did not begin with Opened")
    return reading.opened(first.opened)


def _deliver(batch: Batch, chain: Chain, reading: Reading) -> bool:
    chain.add(batch)
    return reading.deliver(batch)


def _progress(progress: Progress, chain: Chain, reading: Reading) -> bool:
    """Hands progress over as a batch without events.

    Where it has not moved it is only a sign of life, unless nothing is stored yet: without this token a restart would
    begin at the start once more, which may be a later place by then.
    """
    if progress.up_to_revision == chain.end and not reading.awaits_token():
        return True
    checkpoint = Batch(
        after_revision=chain.end, up_to_revision=progress.up_to_revision, resume_token=progress.resume_token
    )
    return _deliver(checkpoint, chain, reading)
