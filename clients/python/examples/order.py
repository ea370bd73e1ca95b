"""An order service: creates an order, begins its payment, says how to pay, and waits until it is settled."""

from __future__ import annotations

import argparse
import random
import sys
import time
import uuid

import grpc
from grpc import StatusCode

from paystate import Refused, connect
from paystate.v1.money_pb2 import Money
from paystate.v1.order_pb2 import (
    ORDER_STATE_ABNORMAL,
    ORDER_STATE_CLOSED,
    ORDER_STATE_PAID,
    ORDER_STATE_PARTIALLY_REFUNDED,
    ORDER_STATE_REFUNDED,
    ORDER_STATE_UNSPECIFIED,
    OrderState,
)
from paystate.v1.order_service_pb2 import (
    PAYMENT_METHOD_EXTERNAL,
    CreateOrderRequest,
    StartPaymentRequest,
    WatchOrderRequest,
)
from paystate.v1.order_service_pb2_grpc import OrderServiceStub

_PRICE = Money(amount_minor=1999, currency="CNY")

# Where nothing more is expected without somebody's doing.
_FINAL = {
    ORDER_STATE_PAID,
    ORDER_STATE_PARTIALLY_REFUNDED,
    ORDER_STATE_REFUNDED,
    ORDER_STATE_CLOSED,
    ORDER_STATE_ABNORMAL,
}

# After which the same call may succeed later.
_PASSING = {
    StatusCode.UNAVAILABLE,
    StatusCode.DEADLINE_EXCEEDED,
    StatusCode.INTERNAL,
    StatusCode.RESOURCE_EXHAUSTED,
    StatusCode.ABORTED,
    StatusCode.UNKNOWN,
    StatusCode.CANCELLED,
}


def create(orders: OrderServiceStub, order_id: str) -> None:
    """With a request_id, so that it may be repeated when the answer was lost."""
    orders.CreateOrder(
        CreateOrderRequest(
            order_id=order_id, amount=_PRICE, description="mug x2", request_id=f"create-{order_id}"
        )
    )


def start_payment(orders: OrderServiceStub, order_id: str, account: str) -> None:
    """The shop's own code starts the payment at the platform; here the core learns of its number."""
    orders.StartPayment(
        StartPaymentRequest(
            order_id=order_id,
            account=account,
            method=PAYMENT_METHOD_EXTERNAL,
            out_trade_no=order_id,
            request_id=f"pay-{order_id}",
        )
    )


def settled(orders: OrderServiceStub, order_id: str) -> int:
    """Watches until nothing more is expected, and answers with the state.

    Only a final state says so, never the end of a stream: a core that stops ends it too, and so does what is in between.
    Opened again, it begins with the order as it is.
    """
    limit = 0.1
    while True:
        try:
            state = watch(orders, order_id)
            if state in _FINAL:
                return state
        except grpc.RpcError as failure:
            if failure.code() not in _PASSING:
                raise
        # Random waits, so that not all who lost the same core come back at once.
        time.sleep(random.uniform(0, limit))
        limit = min(2 * limit, 5.0)


def watch(orders: OrderServiceStub, order_id: str) -> int:
    """One stream, to its end: prints each change, and answers with the last state. Waits for a core that is away."""
    state: int = ORDER_STATE_UNSPECIFIED
    for message in orders.WatchOrder(WatchOrderRequest(order_id=order_id), wait_for_ready=True):
        state = message.order.state
        print(f"version {message.order.version}: {OrderState.Name(message.order.state)}", flush=True)
    return state


def main() -> int:
    parser = argparse.ArgumentParser(description="Plays one order.")
    parser.add_argument("--core", metavar="URL", default="http://127.0.0.1:50051")
    parser.add_argument("--sandbox", metavar="URL", default="https://127.0.0.1:7443", help="of the stand-in platforms")
    parser.add_argument("--account", metavar="NAME", default="alipay")
    given = parser.parse_args()
    order_id = f"P{uuid.uuid4().hex[:20]}"
    pay = f'{{"account":"{given.account}","out_trade_no":"{order_id}","amount_minor":{_PRICE.amount_minor}}}'
    with connect(given.core) as channel:
        orders = OrderServiceStub(channel)
        create(orders, order_id)
        start_payment(orders, order_id, given.account)
        print(f"order {order_id} waits for its payment. Pay with\n\n  curl -sk {given.sandbox}/pay -d '{pay}'\n", flush=True)
        return 0 if settled(orders, order_id) == ORDER_STATE_PAID else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except grpc.RpcError as failure:
        sys.exit(str(Refused(failure)))
    except KeyboardInterrupt:
        pass
