"""Channels to a core."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import grpc

_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")


@dataclass(frozen=True)
class Tls:
    """Whom a channel trusts, and who it says it is. All files are PEM."""

    authorities: Path | None = None
    """Certificates of the authorities that may have signed the core's; those that come with gRPC when absent."""
    certificate: Path | None = None
    """Our own certificate chain, as a core with `[core.tls]` wants it (mTLS)."""
    key: Path | None = None
    """The private key of `certificate`."""

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate and its key come together")

    def _credentials(self) -> grpc.ChannelCredentials:
        read = [None if file is None else Path(file).read_bytes() for file in (self.authorities, self.key, self.certificate)]
        return grpc.ssl_channel_credentials(*read)


def connect(url: str, tls: Tls | None = None, *, allow_plaintext: bool = False) -> grpc.Channel:
    """Opens a channel, without waiting for a connection; close it when it is no longer used.

    It has what every client of a core should have: keepalive, so that a dead connection is noticed, and retries of
    the methods that only read.

    `url` is http://127.0.0.1:50051 for plaintext, which is for this machine only, or https://core.example:50051 for
    TLS. `allow_plaintext` takes http:// to any machine, where whoever is on the way reads and changes what is said:
    for a network that protects by itself, such as a service mesh.

    Raises ValueError if the URL is something else, and OSError if a file of `tls` cannot be read.
    """
    scheme, host, target = _parse(url)
    local = _LOOPBACK.fullmatch(host) is not None
    if scheme == "https":
        return grpc.secure_channel(target, (tls or Tls())._credentials(), _options(local))
    if tls is not None:
        raise ValueError(f"{url}: TLS needs a URL that begins with https://")
    if not allow_plaintext and not local:
        raise ValueError(f"{url}: plaintext leaves this machine; use https://, or allow_plaintext if the way there is safe")
    return grpc.insecure_channel(target, _options(local))


def _parse(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    bare = parts.path in ("", "/") and not parts.query and not parts.fragment
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port is None or not bare:
        raise ValueError(f"{url}: a core's address looks like http://127.0.0.1:50051")
    return parts.scheme, parts.hostname, f"dns:///{parts.netloc}"


def _options(local: bool) -> list[tuple[str, int | str]]:
    return [
        ("grpc.keepalive_time_ms", 15_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # A follower decides how long to wait; the connection should be there when it comes back.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        # In spite of its name no wait: how long a connection may take to be made.
        ("grpc.min_reconnect_backoff_ms", 5_000),
        # A proxy would look for the core on its own machine.
        *([("grpc.enable_http_proxy", 0)] if local else []),
        # What gRPC repeats by itself; the same file for the clients of every language.
        ("grpc.service_config", files(__package__).joinpath("service_config.json").read_text("utf-8")),
    ]
