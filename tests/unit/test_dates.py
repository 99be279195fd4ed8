"""HTTP-dates: three formats in, one out, English everywhere, and nothing that raises."""

from __future__ import annotations

import calendar
import locale
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit._message.dates import format_http_date, parse_http_date

UTC = timezone.utc
EXAMPLE = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
SECONDS = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))


def unix(*date: int) -> float:
    return datetime(*date, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type]  # a date is three numbers or more


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", id="RFC 9110 §5.6.7 IMF-fixdate"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", id="RFC 9110 §5.6.7 rfc850-date"),
        pytest.param("Sun Nov  6 08:49:37 1994", id="RFC 9110 §5.6.7 asctime-date"),
        pytest.param("Sun Nov 06 08:49:37 1994", id="RFC 9110 §5.6.7 asctime-date with two digits"),
        pytest.param(" \tSun, 06 Nov 1994 08:49:37 GMT ", id="RFC 9110 §5.6.3 white space around it"),
        pytest.param("sun, 06 nov 1994 08:49:37 gmt", id="RFC 9111 §4.2 case"),
        pytest.param("SUNDAY, 06-NOV-94 08:49:37 GMT", id="RFC 9111 §4.2 case of rfc850-date"),
        pytest.param("Mon, 06 Nov 1994 08:49:37 GMT", id="the wrong day of the week"),
    ],
)
def test_a_date_is_read_in_each_format(text: str) -> None:
    found = parse_http_date(text, now=unix(2026, 1, 1))
    assert found == EXAMPLE
    assert found is not None
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "0",
        "-1",
        "1994-11-06T08:49:37Z",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 006 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Tue, 29 Feb 2023 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Fri, 31 Dec 9999 23:59:60 GMT",
        "So, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Okt 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sun, 06  Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sunday, 06-Nov-94 08:49:37",
        "\u017fun, 06 Nov 1994 08:49:37 GMT",
        "Sun,\xa006 Nov 1994 08:49:37 GMT",
        "Sun, ٠٦ Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT" + " " * 100_000,
    ],
)
def test_what_is_no_date_is_none(text: str | None) -> None:
    assert parse_http_date(text) is None


@given(st.text() | st.text("SunMon, 0123456789:-NovGMTday\t"), st.floats(-6e10, 2e11))
def test_any_text_is_a_date_or_none(text: str, now: float) -> None:
    found = parse_http_date(text, now=now)
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "now", "year"),
    [
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", unix(2026, 1, 1), 1994, id="more than 50 years ahead"),
        pytest.param("Thursday, 01-Jan-70 00:00:00 GMT", unix(2026, 1, 1), 2070, id="44 years ahead"),
        pytest.param("Wednesday, 01-Jan-76 00:00:00 GMT", unix(2026, 1, 1), 2076, id="50 years ahead"),
        pytest.param(
            "Thursday, 01-Jan-76 00:00:01 GMT", unix(2026, 1, 1), 1976, id="50 years and a second ahead"
        ),
        pytest.param("Saturday, 31-Dec-25 23:59:59 GMT", unix(2026, 1, 1), 2025, id="a second ago"),
        pytest.param("Friday, 01-Jan-99 00:00:00 GMT", unix(1999, 6, 1), 1999, id="this year"),
        pytest.param("Saturday, 01-Jan-00 00:00:00 GMT", unix(1999, 6, 1), 2000, id="across the century"),
        pytest.param(
            "Sunday, 01-Jan-45 00:00:00 GMT", unix(1994, 6, 1), 1945, id="50 years and seven months ahead"
        ),
        pytest.param(
            "Thursday, 01-Jan-05 00:00:00 GMT", unix(2099, 6, 1), 2105, id="the next century is nearer"
        ),
    ],
)
def test_two_digits_are_a_year_at_most_50_years_ahead(text: str, now: float, year: int) -> None:
    """RFC 9110 §5.6.7: more than 50 years in the future is the most recent year in the past."""
    found = parse_http_date(text, now=now)
    assert found is not None
    assert found.year == year


def test_a_leap_day_must_exist_in_the_year_that_two_digits_stand_for() -> None:
    assert parse_http_date("Tuesday, 29-Feb-00 00:00:00 GMT", now=unix(2026, 1, 1)) == datetime(
        2000, 2, 29, tzinfo=UTC
    )
    assert parse_http_date("Tuesday, 29-Feb-00 00:00:00 GMT", now=unix(2126, 1, 1)) is None


def test_without_a_given_time_the_clock_counts() -> None:
    year = (datetime.now(UTC) - timedelta(days=400)).year
    found = parse_http_date(f"Monday, 15-Jun-{year % 100:02d} 00:00:00 GMT")
    assert found == datetime(year, 6, 15, tzinfo=UTC)


def test_a_leap_second_is_the_second_after_it() -> None:
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT") == datetime(2017, 1, 1, tzinfo=UTC)


@given(SECONDS)
def test_a_date_that_was_written_is_read_again(moment: datetime) -> None:
    text = format_http_date(moment)
    assert len(text) == 29
    assert parse_http_date(text) == moment


@given(SECONDS)
def test_every_date_is_read_in_its_obsolete_formats(moment: datetime) -> None:
    now = moment.timestamp() if moment.year < 9900 else unix(9890, 1, 1)
    day, month = calendar.day_name[moment.weekday()], calendar.month_abbr[moment.month]
    clock = f"{moment:%H:%M:%S}"
    rfc850 = f"{day}, {moment.day:02d}-{month}-{moment.year % 100:02d} {clock} GMT"
    asctime = f"{day[:3]} {month} {moment.day:2d} {clock} {moment.year:04d}"
    assert parse_http_date(asctime) == moment
    if moment.year < 9850:
        assert parse_http_date(rfc850, now=now) == moment


@given(SECONDS.filter(lambda moment: moment.year >= 1000))
def test_a_date_is_written_as_the_e_mail_package_writes_it(moment: datetime) -> None:
    assert format_http_date(moment) == format_datetime(moment, usegmt=True)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        pytest.param(EXAMPLE, "Sun, 06 Nov 1994 08:49:37 GMT", id="aware"),
        pytest.param(EXAMPLE.replace(tzinfo=None), "Sun, 06 Nov 1994 08:49:37 GMT", id="naive is UTC"),
        pytest.param(
            EXAMPLE.astimezone(timezone(timedelta(hours=-8))),
            "Sun, 06 Nov 1994 08:49:37 GMT",
            id="another zone",
        ),
        pytest.param(EXAMPLE.replace(microsecond=999_999), "Sun, 06 Nov 1994 08:49:37 GMT", id="a fraction"),
        pytest.param(784111777, "Sun, 06 Nov 1994 08:49:37 GMT", id="Unix time"),
        pytest.param(784111777.9, "Sun, 06 Nov 1994 08:49:37 GMT", id="Unix time with a fraction"),
        pytest.param(0, "Thu, 01 Jan 1970 00:00:00 GMT", id="the epoch"),
        pytest.param(-1, "Wed, 31 Dec 1969 23:59:59 GMT", id="before the epoch"),
        pytest.param(datetime(1, 1, 1), "Mon, 01 Jan 0001 00:00:00 GMT", id="four digits for every year"),
    ],
)
def test_a_moment_is_written_as_imf_fixdate(moment: datetime | float, text: str) -> None:
    assert format_http_date(moment) == text


@pytest.mark.parametrize("moment", [1e300, float("inf"), float("nan"), -1e12])
def test_a_number_that_is_no_year_of_ours_is_refused(moment: float) -> None:
    with pytest.raises((ValueError, OverflowError)):
        format_http_date(moment)


@pytest.fixture
def _another_language() -> Iterator[None]:
    before = locale.setlocale(locale.LC_TIME)
    for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "ja_JP.UTF-8", "de_DE", "German"):
        try:
            locale.setlocale(locale.LC_TIME, name)
            break
        except locale.Error:
            continue
    else:
        pytest.skip("this machine speaks English only")
    yield
    locale.setlocale(locale.LC_TIME, before)


@pytest.mark.usefixtures("_another_language")
def test_dates_are_english_in_every_locale() -> None:
    assert datetime(1994, 5, 1).strftime("%B") != "May" or datetime(1994, 12, 6).strftime("%A") != "Tuesday"
    december = datetime(1994, 12, 6, tzinfo=UTC)
    assert format_http_date(december) == "Tue, 06 Dec 1994 00:00:00 GMT"
    assert parse_http_date("Tue, 06 Dec 1994 00:00:00 GMT") == december
