"""A core in this process that plays one script for each stream."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent import futures
from dataclasses import dataclass, field

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from paystate.v1.order_pb2 import Event
from paystate.v1.subscription_service_pb2 import (
    AcknowledgeRequest,
    AcknowledgeResponse,
    Batch,
    GoingAway,
    Opened,
    ParkRequest,
    ParkResponse,
    Progress,
    StreamEventsRequest,
    StreamEventsResponse,
)
from paystate.v1.subscription_service_pb2_grpc import (
    SubscriptionServiceServicer,
    add_SubscriptionServiceServicer_to_server,
)


@dataclass(frozen=True)
class Failure:
    """How a call ends badly."""

    code: grpc.StatusCode
    reason: str = ""
    domain: str = "paystate"
    metadata: dict[str, str] = field(default_factory=dict)

    def raise_in(self, context: grpc.ServicerContext) -> None:
        if self.reason:
            info = error_details_pb2.ErrorInfo(reason=self.reason, domain=self.domain, metadata=self.metadata)
            packed = any_pb2.Any()
            packed.Pack(info)
            status = status_pb2.Status(code=self.code.value[0], message="refused", details=[packed])
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(self.code, "refused")


OPEN = "stays open"
Script = Sequence[StreamEventsResponse | Failure | str]


class ScriptedCore(SubscriptionServiceServicer):
    """A script's messages are sent; then the stream ends, fails, or (with OPEN) stays open."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = iter(scripts)
        self._closing = threading.Event()
        self.requests: list[StreamEventsRequest] = []
        self.calls: list[tuple[object, ...]] = []
        self.acknowledge_failures: list[Failure] = []
        self.seconds_left: list[float] = []
        self.asked = threading.Semaphore(0)
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
        add_SubscriptionServiceServicer_to_server(self, self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")

    def __enter__(self) -> ScriptedCore:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self.channel.close()
        self._server.stop(None).wait()

    def StreamEvents(
        self, request: StreamEventsRequest, context: grpc.ServicerContext
    ) -> Iterator[StreamEventsResponse]:
        self.requests.append(request)
        self.asked.release()
        for step in next(self._scripts, [Failure(grpc.StatusCode.NOT_FOUND, "SCRIPT_ENDED")]):
            if isinstance(step, Failure):
                step.raise_in(context)
            elif isinstance(step, str):
                ended = threading.Event()
                context.add_callback(ended.set)
                ended.wait()
            else:
                yield step

    def Acknowledge(self, request: AcknowledgeRequest, context: grpc.ServicerContext) -> AcknowledgeResponse:
        assert request.subscription == "inventory"
        self.seconds_left.append(context.time_remaining())
        self.calls.append(("acknowledge", request.lease, request.up_to_revision))
        if self.acknowledge_failures:
            self.acknowledge_failures.pop(0).raise_in(context)
        return AcknowledgeResponse(acknowledged_revision=request.up_to_revision)

    def Park(self, request: ParkRequest, context: grpc.ServicerContext) -> ParkResponse:
        assert request.subscription == "inventory"
        self.seconds_left.append(context.time_remaining())
        self.calls.append(("park", request.lease, request.event_id, request.reason))
        return ParkResponse()


def opened(after: int, log_id: str = "L", lease: str = "") -> StreamEventsResponse:
    return StreamEventsResponse(opened=Opened(log_id=log_id, after_revision=after, lease=lease))


def batch(after: int, up_to: int, *revisions: int) -> StreamEventsResponse:
    """A batch whose token is "t" and where it ends."""
    events = [Event(revision=revision, event_id=f"e{revision}") for revision in revisions]
    return StreamEventsResponse(
        batch=Batch(after_revision=after, up_to_revision=up_to, events=events, resume_token=f"t{up_to}")
    )


def progress(up_to: int) -> StreamEventsResponse:
    return StreamEventsResponse(progress=Progress(up_to_revision=up_to, resume_token=f"t{up_to}"))


def going_away() -> StreamEventsResponse:
    return StreamEventsResponse(going_away=GoingAway(reason="stops"))
