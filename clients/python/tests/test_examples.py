"""The examples, as far as tests/e2e/clients.rs does not show it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent import futures
from contextlib import closing, contextmanager
from pathlib import Path

import grpc
import pytest
from grpc import StatusCode

from examples.inventory import Inventory, report
from examples.order import settled
from paystate.v1.order_pb2 import ORDER_STATE_PAID, ORDER_STATE_PENDING, Event, Order
from paystate.v1.order_service_pb2 import WatchOrderRequest, WatchOrderResponse
from paystate.v1.order_service_pb2_grpc import OrderServiceServicer, OrderServiceStub, add_OrderServiceServicer_to_server
from paystate.v1.subscription_service_pb2 import Batch


def paid(after: int, revision: int, order_id: str, description: str) -> Batch:
    """Says that an order with this description was paid."""
    event = Event(
        revision=revision,
        order_id=order_id,
        from_state=ORDER_STATE_PENDING,
        to_state=ORDER_STATE_PAID,
        order=Order(description=description),
    )
    return Batch(after_revision=after, up_to_revision=revision, events=[event], resume_token=f"t{revision}")


def test_of_two_on_one_database_the_second_fails_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "inventory.db"
    with closing(sqlite3.connect(file)) as one, closing(sqlite3.connect(file)) as other:
        first, second = Inventory(one), Inventory(other)
        begin = paid(0, 3, "A1", "mug x2")
        first.handle(begin)
        with pytest.raises(RuntimeError, match="no longer at revision 0"):
            second.handle(begin)
        further = paid(3, 4, "A2", "mug x2")
        second.handle(further)
        with pytest.raises(RuntimeError, match="no longer at revision 3"):
            first.handle(further)
        assert report(one) == '{"applied":{"A1":1,"A2":1},"returned":{},"revision":4}'


def test_what_cannot_be_read_is_passed_over_aloud(caplog: pytest.LogCaptureFixture) -> None:
    unreadable = ["", "mug", "mug x0", "mug x02", "mug x2 ", " mug x2", "big mug x2", "mug x99999999999999999999"]
    with closing(sqlite3.connect(":memory:")) as database:
        inventory = Inventory(database)
        for revision, description in enumerate(unreadable):
            inventory.handle(paid(revision, revision + 1, f"A{revision + 1}", description))
        assert report(database) == '{"applied":{},"returned":{},"revision":8}'
    assert len(caplog.messages) == 8
    assert caplog.messages[1] == 'order A2: "mug" is not SKU xQUANTITY: nothing in stock'


class Orders(OrderServiceServicer):
    """Shows a pending order and loses the stream with one code after the other; at last the order is paid."""

    def __init__(self, *losses: StatusCode) -> None:
        self._losses = iter(losses)

    def WatchOrder(self, request: WatchOrderRequest, context: grpc.ServicerContext) -> Iterator[WatchOrderResponse]:
        lost = next(self._losses, None)
        state = ORDER_STATE_PAID if lost is None else ORDER_STATE_PENDING
        yield WatchOrderResponse(order=Order(order_id=request.order_id, state=state))
        if lost is not None:
            context.abort(lost, "lost")


@contextmanager
def serving(orders: Orders) -> Iterator[OrderServiceStub]:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    add_OrderServiceServicer_to_server(orders, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield OrderServiceStub(channel)
    server.stop(None).wait()


def test_a_lost_stream_of_an_order_is_opened_again() -> None:
    with serving(Orders(StatusCode.UNAVAILABLE, StatusCode.UNAVAILABLE)) as orders:
        assert settled(orders, "A1") == ORDER_STATE_PAID


def test_anything_else_ends_it() -> None:
    with serving(Orders(StatusCode.PERMISSION_DENIED)) as orders, pytest.raises(grpc.RpcError):
        settled(orders, "A1")
