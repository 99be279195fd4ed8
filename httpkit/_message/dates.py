"""HTTP-dates (RFC 9110 §5.6.7): read in their three formats, written in one.

The names of days and months are English whatever the locale, so neither `strptime` nor `strftime` is used. A
text that is no date gives None and never an error: a broken server costs no more than the information.
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone

__all__ = ["format_http_date", "parse_http_date"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBER = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}

_DAY = rf"(?:{'|'.join(_DAYS)})"
_LONG_DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_CLOCK = "(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9]|60)"

# Compiled when the first date is read. No other zone than GMT makes a date.
_FORMATS = (
    rf"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_CLOCK} GMT",
    rf"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_CLOCK} GMT",
    rf"{_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_CLOCK} (?P<year>[0-9]{{4}})",
)
# The grammar is case-sensitive, but a cache should not be (RFC 9111 §4.2).
_FLAGS = re.ASCII | re.IGNORECASE


def parse_http_date(value: str | None, *, now: float | None = None) -> datetime | None:
    """The moment that an HTTP-date names, as an aware datetime in UTC (RFC 9110 §5.6.7).

    Reads IMF-fixdate, the RFC 850 format and asctime's. *now* is Unix time in seconds, by default the
    clock's: the RFC 850 format has two digits for the year, and a date that would be more than 50 years ahead
    of *now* is one of the past. The name of the day is not compared with the date. A leap second is the
    second after it. None for None and for anything that is not a date.
    """
    if value is None or len(value) > 64:
        return None
    text = value.strip(" \t")
    for pattern in _FORMATS:
        match = re.fullmatch(pattern, text, _FLAGS)
        if match is not None:
            return _moment(match.groupdict(), now)
    return None


def _moment(part: dict[str, str], now: float | None) -> datetime | None:
    month = _MONTH_NUMBER[part["month"].lower()]
    day, hour, minute, second = (int(part[name]) for name in ("day", "hour", "minute", "second"))
    year = int(part["year"])
    if len(part["year"]) == 2:
        year = _full_year(year, (month, day, hour, minute, second), now)
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=timezone.utc)
        return moment + timedelta(seconds=1) if second == 60 else moment
    except (ValueError, OverflowError):
        return None


def _full_year(digits: int, rest: tuple[int, ...], now: float | None) -> int:
    """The last year that ends in *digits* in which the date is not more than 50 years ahead of *now*."""
    today = time.gmtime(now)[:6]
    limit = (today[0] + 50, *today[1:])
    year = limit[0] - (limit[0] - digits) % 100
    return year if (year, *rest) <= limit else year - 100


def format_http_date(moment: datetime | float) -> str:
    """*moment* as an IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).

    *moment* is a datetime, in UTC if it names no zone, or Unix time in seconds. Fractions of a second are
    dropped. Raises ValueError or OverflowError for a number outside the years 1 to 9999.
    """
    if not isinstance(moment, datetime):
        moment = _EPOCH + timedelta(seconds=moment)
    elif moment.tzinfo is not None:
        moment = moment.astimezone(timezone.utc)
    date = f"{_DAYS[moment.weekday()]}, {moment.day:02d} {_MONTHS[moment.month - 1]} {moment.year:04d}"
    return f"{date} {moment.hour:02d}:{moment.minute:02d}:{moment.second:02d} GMT"
