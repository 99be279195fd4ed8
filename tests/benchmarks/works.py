"""What is measured, and how each library is asked for it: the table of works, the table of libraries, a stopwatch.

`compare.py` runs this in a process for each library, work and round. `main` prints one line: what the work costs, and
the seconds by the clock on the wall. Start-up and memory are among the works, so this module imports nothing that a
library under test does not, and each library is imported when it is the one to be measured.
"""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False  # the one in typing costs two milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

PIECE = 64 * 1024
THREADS = 8
DOCUMENT = {"name": "item 1", "tags": ["a", "b", "c"], "price": 12.5, "count": 3, "active": True}


# --- the libraries, each spoken to in its own words
#
# get, post, stream and upload use what the library keeps open between calls; once is a call by itself. A class names in
# `lacks` the works that it has no way to do, and in `one_for_threads` whether threads can share what it keeps open.


class Library:
    """What is common: calls are made one after the other."""

    lacks: tuple[str, ...] = ()
    one_for_threads = True

    def __init__(self, name: str) -> None:
        self.name = name
        __import__(name)
        self.library: Any = sys.modules[name]

    def repeat(self, call: Callable[[], object], times: int) -> None:
        for _ in range(times):
            call()


class Requests(Library):
    """httpkit, requests and niquests."""

    def open(self) -> None:
        self.session = self.library.Session()

    def get(self, url: str) -> Any:
        return self.session.get(url).content

    def get_json(self, url: str) -> Any:
        return self.session.get(url).json()

    def post(self, url: str) -> Any:
        return self.session.post(url, json=DOCUMENT).content

    def once(self, url: str, trusted: str | None = None) -> Any:
        return self.library.get(url, verify=trusted or True).content

    def stream(self, url: str) -> Any:
        with self.session.get(url, stream=True) as response:
            return sum(map(len, response.iter_content(PIECE)))

    def upload(self, url: str, path: str) -> Any:
        with open(path, "rb") as file:
            return self.session.put(url, data=file).content


class Urllib3(Library):
    """urllib3 with a pool that is wide enough for the threads."""

    def open(self) -> None:
        self.pool = self.library.PoolManager(maxsize=THREADS)

    def get(self, url: str) -> Any:
        return self.pool.request("GET", url).data

    def get_json(self, url: str) -> Any:
        return self.pool.request("GET", url).json()

    def post(self, url: str) -> Any:
        return self.pool.request("POST", url, json=DOCUMENT).data

    def once(self, url: str, trusted: str | None = None) -> Any:
        # urllib3.request() keeps connections, but takes no authorities.
        if trusted is None:
            return self.library.request("GET", url).data
        with self.library.PoolManager(ca_certs=trusted) as pool:
            return pool.request("GET", url).data

    def stream(self, url: str) -> Any:
        response = self.pool.request("GET", url, preload_content=False)
        return sum(map(len, response.stream(PIECE)))

    def upload(self, url: str, path: str) -> Any:
        import os

        with open(path, "rb") as file:
            fields = {"Content-Length": str(os.path.getsize(path))}
            return self.pool.request("PUT", url, body=file, headers=fields).data


class Httpx(Library):
    """httpx."""

    def open(self) -> None:
        self.client = self.library.Client()

    def get(self, url: str) -> Any:
        return self.client.get(url).content

    def get_json(self, url: str) -> Any:
        return self.client.get(url).json()

    def post(self, url: str) -> Any:
        return self.client.post(url, json=DOCUMENT).content

    def once(self, url: str, trusted: str | None = None) -> Any:
        import ssl

        verify = ssl.create_default_context(cafile=trusted) if trusted else True
        return self.library.get(url, verify=verify).content

    def stream(self, url: str) -> Any:
        with self.client.stream("GET", url) as response:
            return sum(map(len, response.iter_bytes(PIECE)))

    def upload(self, url: str, path: str) -> Any:
        with open(path, "rb") as file:
            return self.client.put(url, content=file).content


class HttpClient(Library):
    """http.client, and json where there is JSON."""

    one_for_threads = False

    def open(self) -> None:
        self.connection: Any = None

    def _exchange(self, method: str, url: str, *args: Any) -> Any:
        _, _, authority, target = url.split("/", 3)
        if self.connection is None:
            self.connection = self.library.HTTPConnection(authority)
        self.connection.request(method, "/" + target, *args)
        return self.connection.getresponse()

    def get(self, url: str) -> Any:
        return self._exchange("GET", url).read()

    def get_json(self, url: str) -> Any:
        import json

        return json.loads(self.get(url))

    def post(self, url: str) -> Any:
        import json

        return self._exchange(
            "POST", url, json.dumps(DOCUMENT).encode(), {"Content-Type": "application/json"}
        ).read()

    def once(self, url: str, trusted: str | None = None) -> Any:
        _, _, authority, target = url.split("/", 3)
        if trusted is None:
            connection = self.library.HTTPConnection(authority)
        else:
            import ssl

            context = ssl.create_default_context(cafile=trusted)
            connection = self.library.HTTPSConnection(authority, context=context)
        connection.request("GET", "/" + target)
        answer = connection.getresponse().read()
        connection.close()
        return answer

    def stream(self, url: str) -> Any:
        response = self._exchange("GET", url)
        return sum(map(len, iter(lambda: response.read(PIECE), b"")))

    def upload(self, url: str, path: str) -> Any:
        import os

        with open(path, "rb") as file:
            return self._exchange("PUT", url, file, {"Content-Length": str(os.path.getsize(path))}).read()


class Socket(Library):
    """The floor: a request that is put together once, a response of which only Content-Length is read."""

    lacks = ("https", "import", "start")
    one_for_threads = False

    def open(self) -> None:
        self.connection: Any = None

    def _connect(self, url: str) -> Any:
        host, _, port = url.split("/", 3)[2].partition(":")
        connection = self.library.create_connection((host, int(port)))
        connection.setsockopt(self.library.IPPROTO_TCP, self.library.TCP_NODELAY, 1)
        return connection

    def _send(self, url: str, method: bytes = b"GET", rest: bytes = b"\r\n") -> Any:
        if self.connection is None:
            self.connection = self._connect(url)
        target = url.split("/", 3)[3].encode()
        self.connection.sendall(b"%b /%b HTTP/1.1\r\nHost: localhost\r\n%b" % (method, target, rest))
        return self.connection

    def _head(self, connection: Any) -> tuple[int, bytes]:
        """Content-Length, and what of the body came with the head."""
        head, _, body = connection.recv(PIECE).partition(b"\r\n\r\n")
        at = head.index(b"Content-Length: ") + 16
        return int(head[at : at + 10].partition(b"\r")[0]), body

    def _answer(self, connection: Any) -> bytes | bytearray:
        length, body = self._head(connection)
        if len(body) == length:
            return body
        whole = bytearray(length)
        view = memoryview(whole)
        view[: len(body)] = body
        done = len(body)
        while done < length:
            done += connection.recv_into(view[done:])
        return whole

    def get(self, url: str) -> Any:
        return self._answer(self._send(url))

    def get_json(self, url: str) -> Any:
        import json

        return json.loads(self.get(url))

    def post(self, url: str) -> Any:
        import json

        body = json.dumps(DOCUMENT).encode()
        return self._answer(self._send(url, b"POST", b"Content-Length: %d\r\n\r\n%b" % (len(body), body)))

    def once(self, url: str, trusted: str | None = None) -> Any:
        self.connection = None
        connection = self._send(url)
        answer = self._answer(connection)
        connection.close()
        return answer

    def stream(self, url: str) -> Any:
        connection = self._send(url)
        length, body = self._head(connection)
        done = len(body)
        while done < length:
            done += len(connection.recv(PIECE))
        return done

    def upload(self, url: str, path: str) -> Any:
        import os

        with open(path, "rb") as file:
            connection = self._send(url, b"PUT", b"Content-Length: %d\r\n\r\n" % os.path.getsize(path))
            connection.sendfile(file)
            return self._answer(connection)


class Pycurl(Library):
    """libcurl, a handle for each thread."""

    one_for_threads = False

    def open(self) -> None:
        self.handle = self.library.Curl()

    def get(self, url: str) -> Any:
        self.handle.setopt(self.library.URL, url)
        return self.handle.perform_rb()

    def get_json(self, url: str) -> Any:
        import json

        return json.loads(self.get(url))

    def post(self, url: str) -> Any:
        import json

        self.handle.setopt(self.library.POSTFIELDS, json.dumps(DOCUMENT))
        self.handle.setopt(self.library.HTTPHEADER, ["Content-Type: application/json"])
        return self.get(url)

    def once(self, url: str, trusted: str | None = None) -> Any:
        handle = self.library.Curl()
        handle.setopt(self.library.URL, url)
        if trusted is not None:
            handle.setopt(self.library.CAINFO, trusted)
        answer = handle.perform_rb()
        handle.close()
        return answer

    def stream(self, url: str) -> Any:
        self.done = 0

        def count(piece: bytes) -> None:
            self.done += len(piece)

        self.handle.setopt(self.library.BUFFERSIZE, PIECE)
        self.handle.setopt(self.library.WRITEFUNCTION, count)
        self.handle.setopt(self.library.URL, url)
        self.handle.perform()
        return self.done

    def upload(self, url: str, path: str) -> Any:
        import os

        with open(path, "rb") as file:
            self.handle.setopt(self.library.UPLOAD, 1)
            self.handle.setopt(self.library.READDATA, file)
            self.handle.setopt(self.library.INFILESIZE_LARGE, os.path.getsize(path))
            self.handle.setopt(self.library.HTTPHEADER, ["Expect:"])
            return self.get(url)


class Aiohttp(Library):
    """aiohttp: a batch of calls, one after the other, is one task; once starts a loop, as a script would."""

    lacks = ("threads",)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        import asyncio

        self.asyncio = asyncio

    def open(self) -> None:
        self.loop = self.asyncio.new_event_loop()
        self.session: Any = None

    def repeat(self, call: Callable[[], Any], times: int) -> None:
        async def batch() -> None:
            for _ in range(times):
                answer = call()
                if self.asyncio.iscoroutine(answer):
                    await answer

        self.loop.run_until_complete(batch())

    def _request(self, method: str, url: str, **options: Any) -> Any:
        if self.session is None:
            self.session = self.library.ClientSession()
        return self.session.request(method, url, **options)

    async def get(self, url: str) -> Any:
        async with self._request("GET", url) as response:
            return await response.read()

    async def get_json(self, url: str) -> Any:
        async with self._request("GET", url) as response:
            return await response.json()

    async def post(self, url: str) -> Any:
        async with self._request("POST", url, json=DOCUMENT) as response:
            return await response.read()

    async def _once(self, url: str, trusted: str | None) -> Any:
        import ssl

        verify = ssl.create_default_context(cafile=trusted) if trusted else True
        async with self.library.ClientSession() as session, session.get(url, ssl=verify) as response:
            return await response.read()

    def once(self, url: str, trusted: str | None = None) -> Any:
        if self.asyncio._get_running_loop() is not None:
            return self._once(url, trusted)
        return self.asyncio.run(self._once(url, trusted))

    async def stream(self, url: str) -> Any:
        async with self._request("GET", url) as response:
            done = 0
            async for piece in response.content.iter_chunked(PIECE):
                done += len(piece)
            return done

    async def upload(self, url: str, path: str) -> Any:
        with open(path, "rb") as file:  # noqa: ASYNC230  # aiohttp takes a file as others do
            async with self._request("PUT", url, data=file) as response:
                return await response.read()


# What is imported, and who speaks it; in the order of the table's columns.
LIBRARIES: dict[str, tuple[str, type[Any]]] = {
    "raw socket": ("socket", Socket),
    "pycurl": ("pycurl", Pycurl),
    "http.client": ("http.client", HttpClient),
    "urllib3": ("urllib3", Urllib3),
    "aiohttp": ("aiohttp", Aiohttp),
    "httpx": ("httpx", Httpx),
    "niquests": ("niquests", Requests),
    "requests": ("requests", Requests),
    "httpkit": ("httpkit", Requests),
}


# --- the works


class Work:
    """A row of the table.

    *call* takes a library, and the addresses and files of the run, and makes one call. At most *most* calls are made
    in a batch: those that leave a closed connection behind would use up the ports. *costs*, where a stopwatch on calls
    does not tell, is told the library's name after a fresh start and says the cost itself, in seconds or bytes, and the
    seconds.
    """

    def __init__(
        self,
        title: str,
        unit: str,
        call: Callable[[Any, Mapping[str, str]], Any] | None = None,
        *,
        most: int = 2000,
        threads: int = 0,
        costs: Callable[[str, Mapping[str, str]], tuple[float, float]] | None = None,
    ) -> None:
        self.title, self.unit, self.call = title, unit, call
        self.most, self.threads, self.costs = most, threads, costs


def importing(name: str, at: Mapping[str, str]) -> tuple[float, float]:
    """What importing the library costs. httpkit loads the rest with the first call: see the row that has one."""
    cpu, wall = time.process_time(), time.perf_counter()
    __import__(LIBRARIES[name][0])
    return time.process_time() - cpu, time.perf_counter() - wall


def starting(name: str, at: Mapping[str, str]) -> tuple[float, float]:
    """What the interpreter, the import and one call of the function over TLS cost, from the start of the process."""
    module, speaker = LIBRARIES[name]
    check(speaker(module).once(at["secure"], at["trusted"]), at["small size"])
    return time.process_time(), time.monotonic() - float(at["started"])


def remembering(name: str, at: Mapping[str, str]) -> tuple[float, float]:
    """The most memory that the process held, in bytes, once 200 small calls were made."""
    start = time.perf_counter()
    library = opened(name)
    library.repeat(lambda: library.get(at["small"]), 200)
    return peak_memory(), time.perf_counter() - start


def peak_memory() -> float:
    """The peak resident size of this process in bytes.

    Linux hands ru_maxrss on from the process that called exec, which here is the larger one; its own figure is exact.
    """
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024.0 for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
            1.0 if sys.platform == "darwin" else 1024.0
        )


WORKS: dict[str, Work] = {
    "small": Work("GET of 200 bytes, kept-alive session", "µs", lambda on, at: on.get(at["small"])),
    "json": Work("GET of a 10 kB JSON document, decoded", "µs", lambda on, at: on.get_json(at["json"])),
    "post": Work("POST of a small JSON document", "µs", lambda on, at: on.post(at["post"])),
    "http": Work("`get()` without a session over HTTP", "µs", lambda on, at: on.once(at["small"]), most=300),
    "https": Work(
        "`get()` without a session over HTTPS",
        "ms",
        lambda on, at: on.once(at["secure"], at["trusted"]),
        most=300,
    ),
    "threads": Work(
        "eight threads on one session, per small GET",
        "µs",
        lambda on, at: on.get(at["small"]),
        threads=THREADS,
    ),
    "content": Work("64 MiB as `content`", "ms", lambda on, at: on.get(at["large"])),
    "stream": Work("64 MiB streamed in 64 KiB pieces", "ms", lambda on, at: on.stream(at["large"])),
    "upload": Work("64 MiB uploaded from a file", "ms", lambda on, at: on.upload(at["sink"], at["file"])),
    "import": Work("`import`", "ms", costs=importing),
    "start": Work("process start to first HTTPS answer", "ms", costs=starting),
    "memory": Work("peak memory after small calls", "MB", costs=remembering),
}
ANSWERS = {
    "small": "small size",
    "http": "small size",
    "https": "small size",
    "threads": "small size",
    "content": "large size",
    "stream": "large size",
}


# --- the stopwatch


def opened(name: str) -> Any:
    module, speaker = LIBRARIES[name]
    library = speaker(module)
    library.open()
    return library


def check(answer: Any, size: str | None) -> None:
    """Fail when *answer*, a body or its length, is not *size* long, or is empty: an error page is quick, too."""
    length = answer if isinstance(answer, int) else len(answer)
    if length != int(size) if size else not length:
        raise AssertionError(f"the answer is {length} long, not {size}: {answer!r:.200}")


def checked(answer: Any, size: str | None) -> Any:
    """Check *answer* now; where it is a coroutine, give one that does."""
    if not hasattr(answer, "send"):
        return check(answer, size)

    async def later() -> None:
        check(await answer, size)

    return later()


def batches_of(work: str, name: str, at: Mapping[str, str]) -> Callable[[int], None]:
    """A function that makes so many calls of *work*. A first call is made here, and its answer checked."""
    kind = WORKS[work]
    call: Any = kind.call
    library = opened(name)
    library.repeat(lambda: checked(call(library, at), at.get(ANSWERS.get(work, ""))), 1)
    if not kind.threads:
        return lambda times: library.repeat(lambda: call(library, at), times)
    team = [library if library.one_for_threads else opened(name) for _ in range(kind.threads)]

    def of(one: Any, times: int) -> Callable[[], None]:
        return lambda: one.repeat(lambda: call(one, at), times)

    return lambda times: side_by_side([of(one, times // len(team)) for one in team])


def side_by_side(tasks: list[Callable[[], object]]) -> None:
    """Run each of *tasks* to its end in a thread of its own; one that fails fails them all."""
    from threading import Thread

    failures: list[BaseException] = []

    def run(task: Callable[[], object]) -> None:
        try:
            task()
        except BaseException as failure:
            failures.append(failure)

    threads = [Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def measure(
    run: Callable[[int], object],
    *,
    budget: float,
    batches: int,
    most: int,
    least: int = 1,
    cpu: Callable[[], float] = time.process_time,
    wall: Callable[[], float] = time.perf_counter,
) -> tuple[float, float]:
    """CPU seconds and wall seconds per call: the best of *batches* batches that take about *budget* seconds each.

    A batch has from *least* to *most* calls.
    """
    times = calls_in(budget, run, most=most, least=least, wall=wall)
    costs, spans = [], []
    for _ in range(batches):
        began, start = cpu(), wall()
        run(times)
        costs.append((cpu() - began) / times)
        spans.append((wall() - start) / times)
    return min(costs), min(spans)


def calls_in(
    budget: float, run: Callable[[int], object], *, most: int, least: int, wall: Callable[[], float]
) -> int:
    """How many calls take about *budget* seconds; found out by making *least* of them."""
    start = wall()
    run(least)
    return max(least, min(most, int(budget * least / max(wall() - start, 1e-9))))


def profile(run: Callable[[int], object], *, budget: float, most: int) -> None:
    """Print where the CPU time of the calls goes, function by function."""
    import cProfile
    import pstats

    times = calls_in(4 * budget, run, most=most, least=5, wall=time.perf_counter)
    with cProfile.Profile(time.process_time) as profiler:
        run(times)
    print(f"{times} calls")
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(30)


def main(arguments: list[str]) -> None:
    """LIBRARY WORK BUDGET BATCHES NAME=VALUE...: measure, or with 0 batches profile, and print."""
    name, work, budget, batches, *given = arguments
    at = dict(pair.split("=", 1) for pair in given)
    kind = WORKS[work]
    if kind.costs is not None:
        print(*kind.costs(name, at))
        return
    run = batches_of(work, name, at)
    if batches == "0":
        profile(run, budget=float(budget), most=kind.most)
        return
    least = kind.threads or 1
    print(*measure(run, budget=float(budget), batches=int(batches), most=kind.most, least=least))
