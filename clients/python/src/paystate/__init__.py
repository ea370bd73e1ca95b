"""Follows the payments of a paystate core: nothing lost, nothing twice.

`connect` opens a channel, `Follower` hands the events of the core's log to a `Handler`, in order. Everything else
that a core offers is called through the generated stubs in `paystate.v1`, over the same channel.
"""

from ._channel import Tls, connect
from ._errors import ChainBroken, PaystateError, Refused, Unprocessable
from ._follower import Follower, Handler, PositionHandler

__all__ = [
    "ChainBroken",
    "Follower",
    "Handler",
    "PaystateError",
    "PositionHandler",
    "Refused",
    "Tls",
    "Unprocessable",
    "connect",
]
