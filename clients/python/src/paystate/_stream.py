"""One call of StreamEvents that may not be quiet for too long."""

from __future__ import annotations

import threading

import grpc

from ._errors import Lost, lost
from .v1.subscription_service_pb2 import StreamEventsRequest, StreamEventsResponse
from .v1.subscription_service_pb2_grpc import SubscriptionServiceStub


class EventStream:
    """A context: the call has ended when it is left."""

    def __init__(self, core: SubscriptionServiceStub, request: StreamEventsRequest, quiet_after: float) -> None:
        self._call = core.StreamEvents(request)
        self._quiet_after = quiet_after
        self._quiet = False

    def next(self) -> StreamEventsResponse | None:
        """Waits for the next message; None when the core has ended the stream. Raises Lost or Refused."""
        # The time of the handler does not count: a core that waits for us cannot send.
        watch = threading.Timer(self._quiet_after, self._give_up)
        watch.daemon = True
        watch.start()
        try:
            return next(self._call, None)
        except grpc.RpcError as failure:
            if self._quiet:
                raise Lost(f"nothing came for {self._quiet_after} s") from None
            raise lost(failure) from None
        finally:
            watch.cancel()

    def close(self) -> None:
        """Ends the call, from any thread."""
        self._call.cancel()

    def _give_up(self) -> None:
        self._quiet = True
        self.close()

    def __enter__(self) -> EventStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
