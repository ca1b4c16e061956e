"""Parties that talk gRPC with mutual TLS, in a process of their own, as gRPC's threads and forks do
not agree.

It reads a JSON object: `servers`, by name, each with credentials or null for plain text, and
`dials`, by name, each a server, credentials or null, and the peer's name. It prints the servers'
ports and how each dial ended, and serves until its stdin ends.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc


def serve(server: grpc.Server, credentials: list[str] | None) -> int:
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        ca, certificate, key = (text.encode() for text in credentials)
        pair = [(key, certificate)]
        secure = grpc.ssl_server_credentials(pair, root_certificates=ca, require_client_auth=True)
        port = server.add_secure_port("127.0.0.1:0", secure)
    return int(port)


def dial(port: int, credentials: list[str] | None, peer_name: str) -> str:
    """`UNIMPLEMENTED` if a call comes through, as no method is there."""
    address = f"127.0.0.1:{port}"
    if credentials is None:
        channel = grpc.insecure_channel(address)
    else:
        ca, certificate, key = (text.encode() for text in credentials)
        secure = grpc.ssl_channel_credentials(ca, key, certificate)
        named = [("grpc.ssl_target_name_override", peer_name)]
        channel = grpc.secure_channel(address, secure, named)
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/party/call")
    try:
        call(b"", timeout=60)
    except grpc.RpcError as error:
        return str(error.code().name)
    finally:
        channel.close()
    return "OK"


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    servers = {}
    ports = {}
    for name, credentials in asked["servers"].items():
        servers[name] = grpc.server(ThreadPoolExecutor(1))
        ports[name] = serve(servers[name], credentials)
        servers[name].start()
    ends = {
        case: dial(ports[server], credentials, peer_name)
        for case, (server, credentials, peer_name) in asked["dials"].items()
    }
    print(json.dumps({"ports": ports, "ends": ends}), flush=True)  # noqa: T201
    sys.stdin.read()
    for server in servers.values():
        server.stop(None)


if __name__ == "__main__":
    main()
