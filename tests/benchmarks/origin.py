"""The server that the works call, in a process of its own: nginx where there is one, else a few lines of Python.

`serving(directory)` fills the directory with what is served and starts it. Bodies that arrive go to the Python server
in any case: it reads them to their end and forgets them. nginx would answer first.
"""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from pathlib import Path
from threading import Thread
from typing import Any

SIZES = {"small": 200, "large": 64 * 1024 * 1024}
OK = b'{"ok": true}'
LOOPBACK = "127.0.0.1"

NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    types {{ application/json json; }}
    default_type application/octet-stream;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    ssl_certificate {directory}/cert.pem;
    ssl_certificate_key {directory}/key.pem;
    server {{
        listen 127.0.0.1:{http};
        listen 127.0.0.1:{https} ssl;
        root {directory}/served;
        location = /post {{ default_type application/json; return 200 '{ok}'; }}
    }}
}}
"""


def fill(directory: Path) -> None:
    """Write what is served, a certificate, and the authorities to trust: those of the world, and ours at the end."""
    import certifi

    from tests.servers import Authority

    served = directory / "served"
    served.mkdir()
    for name, size in SIZES.items():
        (served / name).write_bytes(bytes(size))
    items = [{"id": n, "name": f"item {n}", "tags": ["a", "b"], "price": n / 4} for n in range(150)]
    (served / "document.json").write_text(json.dumps(items))
    authority = Authority(directory)
    issued = authority.issue("localhost", LOOPBACK)
    shutil.copy(issued.cert_file, directory / "cert.pem")
    shutil.copy(issued.key_file, directory / "key.pem")
    bundle = Path(certifi.where()).read_bytes()
    (directory / "trusted.pem").write_bytes(bundle + b"\n" + authority.pem)


@contextmanager
def serving(directory: Path) -> Iterator[dict[str, str]]:
    """Start the servers; gives the addresses, files and sizes that the works ask for, and the server's name."""
    fill(directory)
    with ExitStack() as stack:
        own_http, own_https = stack.enter_context(python_server(directory))
        name, http, https = "a server in Python", own_http, own_https
        if nginx := shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin"):
            name, http, https = stack.enter_context(nginx_server(nginx, directory))
        yield {
            "server": name,
            "small": f"http://{LOOPBACK}:{http}/small",
            "json": f"http://{LOOPBACK}:{http}/document.json",
            "post": f"http://{LOOPBACK}:{http}/post",
            "large": f"http://{LOOPBACK}:{http}/large",
            "secure": f"https://{LOOPBACK}:{https}/small",
            "sink": f"http://{LOOPBACK}:{own_http}/post",
            "trusted": str(directory / "trusted.pem"),
            "file": str(directory / "served" / "large"),
            **{f"{which} size": str(size) for which, size in SIZES.items()},
        }


@contextmanager
def nginx_server(nginx: str, directory: Path) -> Iterator[tuple[str, int, int]]:
    """Start nginx; gives its version and its two ports."""
    version = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr
    http, https = free_port(), free_port()
    config = directory / "nginx.conf"
    config.write_text(NGINX.format(directory=directory, http=http, https=https, ok=OK.decode()))
    process = subprocess.Popen(
        [nginx, "-e", str(directory / "nginx.log"), "-p", str(directory), "-c", str(config)]
    )
    try:
        wait_for(https, process)
        yield version.strip().rpartition(" ")[2], http, https
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[Any]) -> None:
    """Until *process* takes connections at *port*; RuntimeError when it ended, or does not within ten seconds."""
    deadline = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((LOOPBACK, port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} does not serve port {port}")


@contextmanager
def python_server(directory: Path) -> Iterator[tuple[int, int]]:
    """Start this file as a server of *directory*; gives its two ports. It ends when its standard input does."""
    command = [sys.executable, __file__, str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            http, https = process.stdout.readline().split()
            yield int(http), int(https)
        finally:
            process.stdin.close()


# --- the Python server


def serve(directory: Path) -> None:
    """Serve *directory*, and print the ports for HTTP and for HTTPS, until standard input ends."""
    answers = {"/" + path.name: path.read_bytes() for path in (directory / "served").iterdir()}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    ports = []
    for tls in (None, context):
        listener = socket.create_server((LOOPBACK, 0), backlog=128)
        ports.append(listener.getsockname()[1])
        Thread(target=accept, args=(listener, tls, answers), daemon=True).start()
    print(*ports, flush=True)
    sys.stdin.read()


def accept(listener: socket.socket, tls: ssl.SSLContext | None, answers: Mapping[str, bytes]) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Thread(target=converse, args=(connection, tls, answers), daemon=True).start()


def converse(connection: socket.socket, tls: ssl.SSLContext | None, answers: Mapping[str, bytes]) -> None:
    """Answer request after request; what a request brings is read and forgotten."""
    try:
        if tls is not None:
            connection = tls.wrap_socket(connection, server_side=True)
        with connection, connection.makefile("rb") as incoming:
            while line := incoming.readline():
                discard(incoming, fields(incoming))
                body = answers.get(line.split()[1].decode(), OK)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
                connection.sendall(body)
    except OSError:
        connection.close()


def fields(incoming: BufferedReader) -> dict[bytes, bytes]:
    """The fields of a head, names in lower case."""
    found = {}
    while line := incoming.readline().strip():
        name, _, value = line.partition(b":")
        found[name.lower()] = value.strip()
    return found


def discard(incoming: BufferedReader, head: Mapping[bytes, bytes]) -> None:
    """Read the body of a request with these fields to its end."""
    if head.get(b"transfer-encoding"):
        while size := int(incoming.readline().partition(b";")[0], 16):
            skip(incoming, size)
            incoming.readline()
        fields(incoming)
    else:
        skip(incoming, int(head.get(b"content-length", b"0")))


def skip(incoming: BufferedReader, size: int) -> None:
    while size > 0:
        piece = len(incoming.read(min(size, 1024 * 1024)))
        if not piece:
            return
        size -= piece


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
