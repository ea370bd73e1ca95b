"""What can go wrong for good, and what passes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import grpc
from google.rpc import error_details_pb2, status_pb2

_DETAILS = "grpc-status-details-bin"

# Whose reasons are meant; those of anything on the way to the core are not.
_DOMAIN = "paystate"

_PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.CANCELLED,
    }
)

# Another stream has the subscription now, or it was moved: that is no reason to give up.
_LEASE_LOST = "LEASE_LOST"


class PaystateError(Exception):
    """Everything that this package raises by itself."""


class ChainBroken(PaystateError):
    """What the core sent does not follow on what it sent before: events are missing, repeated or of another log.

    Nothing of it was handed to the handler. Going on would be to guess, so `Follower.run` ends.
    """


class Refused(PaystateError):
    """The core refuses a call, and will refuse it again: the caller has to change something.

    `reason` says what in a stable word, for example "LOG_ID_CHANGED" (the database was restored; the stored position
    is of another log) or "EVENTS_COMPACTED" (the stored position is older than what is kept).
    """

    code: grpc.StatusCode
    """The gRPC code; never OK."""
    reason: str
    """The core's reason, of google.rpc.ErrorInfo; empty if the answer carried none."""
    metadata: Mapping[str, str]
    """The metadata of google.rpc.ErrorInfo, for example `oldest_revision`."""

    def __init__(self, failure: grpc.RpcError) -> None:
        """Reads what the core says about a failed call, as a stub raised it."""
        info = _info(failure)
        self.code = failure.code()
        self.reason = info.reason
        self.metadata = dict(info.metadata)
        words = f"{self.code.name}: {failure.details()}"
        super().__init__(f"{words} ({self.reason})" if self.reason else words)


class Unprocessable(PaystateError):
    """Raised by a handler of a subscription: this event can never be handled.

    The follower parks it and goes on; later events of the same order are held back until somebody redrives it. The
    rest of its batch is delivered again. It may also be the `__cause__` of what is raised.
    """

    def __init__(self, event_id: str, reason: str) -> None:
        """Names the event, and says why for the people who look at parked events."""
        super().__init__(reason)
        self.event_id = event_id
        self.reason = reason


class Lost(Exception):
    """The stream is gone for now; a new one is worth a try. Never leaves this package."""


def lost(failure: grpc.RpcError) -> Lost:
    """What a failed call means: that a new stream is worth a try, or (raised) that it is not."""
    refused = Refused(failure)
    if refused.code in _PASSING or refused.reason == _LEASE_LOST:
        return Lost(str(refused))
    raise refused from failure


def _info(failure: grpc.RpcError) -> error_details_pb2.ErrorInfo:
    for key, value in cast("Iterable[tuple[str, bytes]]", failure.trailing_metadata() or ()):
        if key == _DETAILS:
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info) and info.domain == _DOMAIN:
                    return info
    return error_details_pb2.ErrorInfo()
