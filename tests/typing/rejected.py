"""Mistakes that type checkers find: each line marked with an error comment, and no other. Nothing here is run."""

from __future__ import annotations

import httpkit
from httpkit.adapters import HTTPAdapter
from httpkit.auth import AuthBase, HTTPBasicAuth
from httpkit.redirects import SecretFields
from httpkit.retries import Retry
from httpkit.structures import CaseInsensitiveDict
from httpkit.timeouts import Timeout

response = httpkit.get("https://example.test/")
session = httpkit.Session()

httpkit.get()  # error: the URL is missing
httpkit.get(3)  # error: a URL is text
httpkit.post("https://example.test/", data=3)  # error: a number is no body
httpkit.get("https://example.test/", params=3)  # error: a number is no query

number: str = response.status_code  # error: it is an int
text: bytes = response.text  # error: it is str
content: str = response.content  # error: it is bytes
missing = response.status  # error: there is no such attribute
values: str = response.headers.getlist("set-cookie")  # error: it is a list

session.mount("https://", session)  # error: a session is no adapter
session.max_redirects = "3"  # error: a number
session.nonsense = 1  # error: there is no such setting
adapter: HTTPAdapter = session.get_adapter("https://example.test/")  # error: it may be any adapter

HTTPBasicAuth("user")  # error: the password is missing
Timeout("3")  # error: seconds are numbers
Timeout(1, 2, 3, 4, 5)  # error: too many limits
Timeout().connect = 3  # error: it is a value

Retry("3")  # error: a number of tries
Retry(3, 0.5)  # error: the others have names
Retry().attempts = 3  # error: it is a value
httpkit.Session(retry="3")  # error: a policy or a number
httpkit.Session(breaker=3)  # error: a policy
httpkit.Session(rate_limit="10/s")  # error: a policy
httpkit.Session(store={})  # error: its update is another
httpkit.RateLimit(10)  # error: in which time
httpkit.Breaker(3, 30, {503})  # error: the others have names
httpkit.post("https://example.test/", data=lambda: 3)  # error: a number is no body

httpkit.TLS("ca.pem")  # error: settings have names
httpkit.TLS(ciphers=3)  # error: a list in text
httpkit.TLS().verify = False  # error: it is a value
httpkit.Session(tls={"verify": False})  # error: a TLS
httpkit.Response().save("folder", "a.txt")  # error: the others have names
httpkit.AddressPolicy("public")  # error: rules have names
session.allow_addresses = 10  # error: rules, or none

session.redirects = "sometimes"  # error: all, same-origin, none, or a callable
session.auth = {"https://a.test": "password"}  # error: each origin has an auth
session.trust_env = 1.5  # error: yes, no, or names
SecretFields(also=3)  # error: names of fields

fields: CaseInsensitiveDict[str] = CaseInsensitiveDict()
fields[3] = "x"  # error: names are text


class WrongAuth(AuthBase):
    def __call__(self, r: str) -> str:  # error: it is called with a prepared request
        return r
