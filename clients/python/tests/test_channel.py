"""Channels, with and without TLS."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent import futures
from importlib.resources import files
from pathlib import Path

import grpc
import pytest
import trustme

from paystate import Tls, connect
from paystate.v1 import operations_service_pb2, order_service_pb2, subscription_service_pb2
from paystate.v1.order_pb2 import Order
from paystate.v1.order_service_pb2 import GetOrderRequest, GetOrderResponse
from paystate.v1.order_service_pb2_grpc import (
    OrderServiceServicer,
    OrderServiceStub,
    add_OrderServiceServicer_to_server,
)


class Orders(OrderServiceServicer):
    def GetOrder(self, request: GetOrderRequest, context: grpc.ServicerContext) -> GetOrderResponse:
        return GetOrderResponse(order=Order(order_id=request.order_id))


def order(channel: grpc.Channel) -> str:
    with channel:
        return OrderServiceStub(channel).GetOrder(GetOrderRequest(order_id="A1"), timeout=10).order.order_id


def serve(credentials: grpc.ServerCredentials | None) -> tuple[grpc.Server, int]:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    add_OrderServiceServicer_to_server(Orders(), server)
    address = "127.0.0.1:0"
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    server.start()
    return server, port


@pytest.fixture
def plaintext() -> Iterator[int]:
    server, port = serve(None)
    yield port
    server.stop(None).wait()


def identity(authority: trustme.CA, dir: Path, name: str) -> tuple[Path, Path]:
    issued = authority.issue_cert(name)
    certificate, key = dir / f"{name}.crt", dir / f"{name}.key"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    return certificate, key


def test_plaintext_stays_on_this_machine(plaintext: int) -> None:
    assert order(connect(f"http://127.0.0.1:{plaintext}")) == "A1"
    connect("http://localhost:1").close()
    connect("http://[::1]:1/").close()
    for url in ("http://core.example:50051", "http://127.0.0.1.example:50051"):
        with pytest.raises(ValueError, match="leaves this machine"):
            connect(url)
        connect(url, allow_plaintext=True).close()


def test_a_slow_connection_gets_its_time() -> None:
    settings = b"\0\0\0\4\0\0\0\0\0"  # What an HTTP/2 server begins with.
    with socket.create_server(("127.0.0.1", 0)) as core, connect(f"http://127.0.0.1:{core.getsockname()[1]}") as channel:
        ready = grpc.channel_ready_future(channel)
        with core.accept()[0] as connection:
            time.sleep(1)
            connection.sendall(settings)
            ready.result(timeout=3)


def test_a_core_that_is_away_is_looked_for_often() -> None:
    with socket.create_server(("127.0.0.1", 0)) as core, connect(f"http://127.0.0.1:{core.getsockname()[1]}") as channel:
        begin = time.monotonic()
        channel.subscribe(lambda _: None, try_to_connect=True)
        for _ in range(4):
            core.accept()[0].close()
        # gRPC's own waits come to 4 s at least.
        assert time.monotonic() - begin < 3


def test_no_proxy_stands_before_this_machine(plaintext: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("no_grpc_proxy", "no_proxy", "NO_PROXY", "grpc_proxy", "https_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert order(connect(f"http://127.0.0.1:{plaintext}")) == "A1"


@pytest.mark.parametrize("url", ["127.0.0.1:1", "http://127.0.0.1", "ftp://127.0.0.1:1", "http://127.0.0.1:1/x", ""])
def test_an_address_is_scheme_host_and_port(url: str) -> None:
    with pytest.raises(ValueError, match="looks like"):
        connect(url)


def test_tls_needs_https_and_readable_files() -> None:
    connect("https://core.example:50051").close()
    with pytest.raises(ValueError, match="https://"):
        connect("http://127.0.0.1:50051", Tls())
    with pytest.raises(FileNotFoundError):
        connect("https://core.example:50051", Tls(authorities=Path("no-such-file.pem")))
    with pytest.raises(ValueError, match="come together"):
        Tls(certificate=Path("certificate.pem"))


def test_both_sides_show_their_certificate(tmp_path: Path) -> None:
    ours, theirs = trustme.CA(), trustme.CA()
    authority, stranger = tmp_path / "authority.crt", tmp_path / "stranger.crt"
    ours.cert_pem.write_to_path(authority)
    theirs.cert_pem.write_to_path(stranger)
    certificate, key = identity(ours, tmp_path, "127.0.0.1")
    server, port = serve(
        grpc.ssl_server_credentials(
            [(key.read_bytes(), certificate.read_bytes())], authority.read_bytes(), require_client_auth=True
        )
    )
    url = f"https://127.0.0.1:{port}"
    shop_certificate, shop_key = identity(ours, tmp_path, "shop.example")
    other_certificate, other_key = identity(theirs, tmp_path, "other.example")
    try:
        assert order(connect(url, Tls(authority, shop_certificate, shop_key))) == "A1"
        for wrong in (Tls(authority), Tls(authority, other_certificate, other_key), Tls(stranger, shop_certificate, shop_key)):
            with pytest.raises(grpc.RpcError) as refused:
                order(connect(url, wrong))
            assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    finally:
        server.stop(None).wait()


def test_only_reading_methods_are_repeated_and_all_of_them() -> None:
    config = json.loads(files("paystate").joinpath("service_config.json").read_text("utf-8"))
    repeated = {(name["service"], name["method"]) for rule in config["methodConfig"] for name in rule["name"]}
    protos = (operations_service_pb2, order_service_pb2, subscription_service_pb2)
    services = [service for proto in protos for service in proto.DESCRIPTOR.services_by_name.values()]
    reads = re.compile("(BatchGet|Explain|Get|List|Verify|Watch)[A-Z]")
    assert repeated == {(of.full_name, method.name) for of in services for method in of.methods if reads.match(method.name)}
