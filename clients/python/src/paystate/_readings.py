"""Where a follower's position is kept, and what follows from that."""

from __future__ import annotations

from typing import Protocol

import grpc

from ._chain import Chain
from ._errors import ChainBroken, Unprocessable, lost
from .v1.subscription_service_pb2 import (
    AcknowledgeRequest,
    Batch,
    EventFilter,
    Opened,
    ParkRequest,
    Position,
    StreamEventsRequest,
)
from .v1.subscription_service_pb2_grpc import SubscriptionServiceStub

_DEADLINE = 30.0


class Handler(Protocol):
    """Takes the events that a `Follower` hands over."""

    def handle(self, batch: Batch, /) -> None:
        """Takes one batch; what it raises ends `Follower.run`.

        Batches come one at a time, in the order of the log, each beginning where the one before ended. A batch
        without events says that nothing up to `up_to_revision` concerns this follower. When it raises, nothing of
        the batch may have taken effect.

        With a subscription, the batch is acknowledged after this method has returned; what was not acknowledged
        comes again, so the effects must bear that. `Unprocessable`, as it is or as the `__cause__` of what is raised,
        puts one event aside.
        """


class PositionHandler(Handler, Protocol):
    """A handler that keeps its own position: its effects are exactly once.

    `handle` stores the effects of a batch *and* its `resume_token` in *one* transaction of one database. So a crash
    loses both or none, and nothing has to be deduplicated.

    Two processes may come to run on one database, be it for a moment during a deployment. So let the transaction begin
    with the position, and raise unless it moved: `UPDATE position SET resume_token = ?, revision = <up_to_revision>
    WHERE revision = <after_revision>` (an INSERT while there is no row). Whoever comes second changes no row, and must
    not store its effects; they would count twice.
    """

    def position(self) -> str | None:
        """The `resume_token` of the last batch whose effects are stored, None if none was ever handled.

        Asked once, when the follower begins.
        """


class Reading(Protocol):
    """What differs between the two places of a position."""

    def request(self) -> StreamEventsRequest:
        """What the next stream begins with."""

    def opened(self, opened: Opened) -> Chain:
        """Learns where the stream really begins; answers with the chain that its batches have to continue."""

    def awaits_token(self) -> bool:
        """Whether this place has yet to be stored: the next resume token is worth a batch of its own."""

    def deliver(self, batch: Batch) -> bool:
        """Hands a batch to the handler and notes that it is done; False when a new stream is needed."""


class OwnPosition:
    """The handler keeps the position: one chain over all streams, all of one log."""

    def __init__(self, handler: PositionHandler, filter: EventFilter, start: Position) -> None:
        self._handler = handler
        self._filter = filter
        stored = handler.position()
        self._next = start if stored is None else Position(resume_token=stored)
        self._chain: Chain | None = None
        self._log_id = ""

    def request(self) -> StreamEventsRequest:
        return StreamEventsRequest(position=self._next, filter=self._filter)

    def opened(self, opened: Opened) -> Chain:
        if self._chain is None:
            self._chain = Chain(opened.after_revision)
            self._log_id = opened.log_id
        elif opened.log_id != self._log_id:
            raise ChainBroken(f"the log was {self._log_id} and is now {opened.log_id}")
        elif opened.after_revision != self._chain.end:
            raise ChainBroken(
                f"a stream begins after revision {opened.after_revision}, the one before ended at {self._chain.end}"
            )
        if self.awaits_token():
            # From here on "latest" must not move any more.
            self._next = Position(after_revision=opened.after_revision)
        return self._chain

    def awaits_token(self) -> bool:
        return not self._next.HasField("resume_token")

    def deliver(self, batch: Batch) -> bool:
        self._handler.handle(batch)
        self._next = Position(resume_token=batch.resume_token)
        return True


class DurableSubscription:
    """The core keeps the position: each stream begins where it says, and what was handled is acknowledged."""

    def __init__(self, core: SubscriptionServiceStub, name: str, handler: Handler) -> None:
        self._core = core
        self._name = name
        self._handler = handler
        self._lease = ""

    def request(self) -> StreamEventsRequest:
        return StreamEventsRequest(subscription=self._name)

    def opened(self, opened: Opened) -> Chain:
        self._lease = opened.lease
        return Chain(opened.after_revision)

    def awaits_token(self) -> bool:
        return False

    def deliver(self, batch: Batch) -> bool:
        try:
            self._handler.handle(batch)
        except Exception as failure:
            event = _unprocessable(failure)
            if event is None:
                raise
            self._park(event)
            return False
        self._acknowledge(batch.up_to_revision)
        return True

    def _acknowledge(self, up_to_revision: int) -> None:
        request = AcknowledgeRequest(subscription=self._name, lease=self._lease, up_to_revision=up_to_revision)
        try:
            self._core.Acknowledge(request, timeout=_DEADLINE)
        except grpc.RpcError as failure:
            raise lost(failure) from None

    def _park(self, event: Unprocessable) -> None:
        request = ParkRequest(
            subscription=self._name, lease=self._lease, event_id=event.event_id, reason=event.reason
        )
        try:
            self._core.Park(request, timeout=_DEADLINE)
        except grpc.RpcError as failure:
            raise lost(failure) from None


def _unprocessable(failure: BaseException | None) -> Unprocessable | None:
    """The event that the handler cannot handle, also where a framework has wrapped its exception."""
    while failure is not None and not isinstance(failure, Unprocessable):
        failure = failure.__cause__
    return failure
