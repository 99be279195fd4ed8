"""Response hooks on real calls: what they see, what they may put in its place, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import httpkit
from httpkit.exceptions import HTTPError
from tests.servers import RecordingServer, Reply

Serve = Callable[..., RecordingServer]


@pytest.fixture
def session() -> Iterator[httpkit.Session]:
    with httpkit.Session() as session:
        yield session


class TestHooks:
    @pytest.mark.parametrize("form", [lambda hook: hook, lambda hook: [hook], lambda hook: (hook,)])
    def test_each_form_is_called_once(
        self, server: RecordingServer, session: httpkit.Session, form: Callable[[Any], Any]
    ) -> None:
        seen: list[httpkit.Response] = []
        response = session.get(server.url, hooks={"response": form(lambda r, **kwargs: seen.append(r))})
        assert seen == [response]

    def test_a_hook_may_read_the_body(self, server: RecordingServer, session: httpkit.Session) -> None:
        methods: list[str] = []
        hooks = {"response": lambda r, **kwargs: methods.append(r.json()["method"])}
        response = session.get(server.url, hooks=hooks)
        assert methods == ["GET"]
        assert response.json()["method"] == "GET"

    def test_the_body_of_a_stream_is_left_alone(
        self, server: RecordingServer, session: httpkit.Session
    ) -> None:
        consumed: list[bool] = []
        hooks = {"response": lambda r, **kwargs: consumed.append(r._content_consumed)}
        with session.get(server.url, hooks=hooks, stream=True) as response:
            assert (consumed, response._content_consumed) == ([False], False)

    def test_hooks_are_told_the_settings_of_the_send(
        self, server: RecordingServer, session: httpkit.Session
    ) -> None:
        told: dict[str, Any] = {}
        session.get(
            server.url, hooks={"response": lambda r, **kwargs: told.update(kwargs)}, timeout=3, verify=False
        )
        assert told == {"stream": False, "timeout": 3, "verify": False, "cert": None, "proxies": {}}

    def test_those_of_the_call_stand_instead_of_the_sessions(
        self, server: RecordingServer, session: httpkit.Session
    ) -> None:
        seen: list[str] = []
        session.hooks["response"].append(lambda r, **kwargs: seen.append("session"))
        session.get(server.url)
        session.get(server.url, hooks={"response": lambda r, **kwargs: seen.append("call")})
        session.get(server.url, hooks={"response": []})
        assert seen == ["session", "call", "session"]

    def test_one_may_raise_for_status_and_the_error_still_has_its_body(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        server = serve(Reply.json({"why": "not yours"}, 403))
        session.hooks["response"].append(lambda r, **kwargs: r.raise_for_status())
        with pytest.raises(HTTPError, match="403") as caught:
            session.get(server.url)
        assert caught.value.response is not None
        assert caught.value.response.json() == {"why": "not yours"}

    def test_one_may_send_again_on_the_same_connection(self, serve: Serve, session: httpkit.Session) -> None:
        def again(response: httpkit.Response, **kwargs: Any) -> httpkit.Response | None:
            if response.status_code != 503:
                return None
            response.content  # noqa: B018
            response.close()
            second = response.connection.send(response.request, **kwargs)
            second.history.append(response)
            return second  # type: ignore[no-any-return]

        server = serve(
            [Reply(503, [("Set-Cookie", "a=1")], b"busy"), Reply(200, [("Set-Cookie", "b=2")], b"done")]
        )
        response = session.get(server.url, hooks={"response": again})
        assert (response.status_code, response.text, response.history[0].text) == (200, "done", "busy")
        assert session.cookies.get_dict() == {"a": "1", "b": "2"}
        assert server.connections == 1

    def test_they_run_on_every_hop_in_order(self, serve: Serve, session: httpkit.Session) -> None:
        server = serve({"/0": Reply.redirect("/1"), "/1": Reply(200)})
        seen: list[tuple[int, str]] = []
        hooks = {
            "response": [
                lambda r, **kwargs: seen.append((1, r.request.path_url)),
                lambda r, **kwargs: seen.append((2, r.request.path_url)),
            ]
        }
        session.get(server.url + "/0", hooks=hooks)
        assert seen == [(1, "/0"), (2, "/0"), (1, "/1"), (2, "/1")]

    def test_those_of_a_program_follow_to_another_origin(
        self, serve: Serve, session: httpkit.Session
    ) -> None:
        server = serve(
            lambda request: (
                Reply.redirect(server.url_as("b.test", "/1")) if request.target == "/0" else Reply(200)
            )
        )
        seen: list[str] = []
        session.get(server.url_as("a.test", "/0"), hooks={"response": lambda r, **kwargs: seen.append(r.url)})
        assert seen == [server.url_as("a.test", "/0"), server.url_as("b.test", "/1")]

    def test_one_may_turn_a_redirect_into_an_answer(self, serve: Serve, session: httpkit.Session) -> None:
        def stop(response: httpkit.Response, **kwargs: Any) -> None:
            response.headers.pop("Location", None)

        server = serve(Reply.redirect("/1"))
        assert session.get(server.url, hooks={"response": stop}).status_code == 302
        assert len(server.requests) == 1

    def test_registered_on_the_prepared_request_they_run_too(
        self, server: RecordingServer, session: httpkit.Session
    ) -> None:
        seen: list[int] = []
        prepared = session.prepare_request(httpkit.Request("GET", server.url))
        prepared.register_hook("response", lambda r, **kwargs: seen.append(r.status_code))
        session.send(prepared)
        assert seen == [200]
