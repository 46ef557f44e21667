"""Which UTC day a bar is about: what decides it, what is refused because nothing does, and what is no daily bar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from test_csv_rows import YAHOO, closes, read, reasons, refused


def dated(*dates: object, name: str = "BTC-USD.csv") -> str:
    return "Date,Close\n" + "".join(f'"{day}",{index}\n' for index, day in enumerate(dates, 1))


@pytest.mark.parametrize(
    "text",
    [
        "2020-03-01",
        "2020/03/01",
        "20200301",
        "2020-03-01T00:00:00Z",
        "2020-03-01 00:00:00+00:00",
        "2020-03-01 00:00",
        "2020-02-29T20:00:00-04:00",
        "2020-03-01 23:59",
        "2020-03-01T23:59:59.999Z",
        "2020-03-01 12-AM",
        "2020-03-01 12:00:00 AM",
        "1583020800",
        "1583020800000",
        "1583020800000000",
        "1583020800.0",
        "Mar 01, 2020",
        "March 1, 2020",
    ],
)
def test_a_day_is_understood_however_it_is_written(text: str) -> None:
    assert list(closes(read(dated(text)))) == ["2020-03-01"]


@pytest.mark.parametrize("text", ["", "null"])
def test_a_row_without_a_date_is_rejected(text: str) -> None:
    assert reasons(read(dated(text, "2020-01-01")))[2] == "date is missing"


@pytest.mark.parametrize(
    "text",
    [
        "2020-02-30",
        "yesterday",
        "43831",
        "2020-W01-1",
        "2020-01-01 25:00",
        "1e12",
        "-5",
        "12-AM",
        "2020-01-01 12",
        "2020-01-01 13:00 PM",
        "2020-01-01T00:00:00+99:00",
        "Foo 1, 2020",
    ],
)
def test_a_date_that_cannot_be_read_is_rejected(text: str) -> None:
    assert reasons(read(dated(text, "2020-01-01")))[2] == f"date is not a time: {text!r}"


def test_a_part_above_12_decides_between_day_and_month() -> None:
    assert list(closes(read(dated("01/02/2020", "13/02/2020", "14/02/2020")))) == [
        "2020-02-01",
        "2020-02-13",
        "2020-02-14",
    ]
    assert list(closes(read(dated("01/02/2020", "01/13/2020", "01/14/2020")))) == [
        "2020-01-02",
        "2020-01-13",
        "2020-01-14",
    ]


def test_else_the_order_that_steps_by_days_decides() -> None:
    assert list(closes(read(dated("01/05/2020", "02/05/2020", "03/05/2020")))) == [
        "2020-05-01",
        "2020-05-02",
        "2020-05-03",
    ]
    assert list(closes(read(dated("05/03/2020", "05/02/2020", "05/01/2020")))) == [
        "2020-05-03",
        "2020-05-02",
        "2020-05-01",
    ]
    assert list(closes(read(dated("05/05/2020")))) == ["2020-05-05"]


@pytest.mark.parametrize("dates", [("01/02/2020",), ("01/02/2020", "02/01/2020"), ("13/01/2020", "01/13/2020")])
def test_where_nothing_decides_the_file_is_refused(dates: tuple[str, ...]) -> None:
    assert "date_format" in refused(dated(*dates))


def test_a_bar_that_begins_at_another_hour_is_no_utc_day() -> None:
    reading = read(dated("2020-01-01 22:00:00", "2020-01-02 22:00:00", "2020-01-03 22:00:00+00:00"))
    assert set(reasons(reading).values()) == {"the bar begins at 22:00 UTC; a daily bar begins at 00:00 UTC"}
    assert len(reading.rejected) == 3


def test_a_zones_midnight_is_not_utcs() -> None:
    reading = read(dated("2020-01-01T00:00:00-04:00", "2020-01-02T00:00:00-04:00"))
    assert "begins at 04:00 UTC" in reasons(reading)[2]


def test_a_last_row_with_a_time_of_day_is_live() -> None:
    reading = read(dated("2024-12-30", "2024-12-31", "2024-12-31 15:32:00+00:00"))
    assert list(closes(reading)) == ["2024-12-30", "2024-12-31", "2024-12-31T15:32:00+00:00"]
    assert reading.rows["unfinished"].to_pylist() == [None, True, True]


def test_days_before_the_calendar_and_days_to_come_are_rejected() -> None:
    reading = read(dated("2012-12-31", "2013-01-01", "2026-11-21", "2026-11-22", "9999-12-31"))
    assert list(closes(reading)) == ["2013-01-01", "2026-11-21"]
    assert reasons(reading)[2] == "2012-12-31 is before 2013-01-01, the first day that is kept"
    assert reasons(reading)[5] == "2026-11-22 was still to come when the file was read"


def stamps(count: int, **step: float) -> list[str]:
    return [str(datetime(2020, 1, 1, tzinfo=UTC) + index * timedelta(**step)) for index in range(count)]


def test_hourly_bars_are_refused_whatever_the_name_says() -> None:
    sentence = refused(dated(*stamps(30, hours=1)), "BTC-USD_daily.csv")
    assert "hourly bars (a row every 60 minutes), although its name says daily" in sentence
    assert "although" not in refused(dated(*stamps(30, hours=4)))
    assert "bars of minutes (a row every 15 minutes)" in refused(dated(*stamps(9, minutes=15)))


def test_weekly_and_monthly_bars_are_refused() -> None:
    assert "weekly bars (a row every 7 days)" in refused(dated(*stamps(9, days=7)))
    months = [f"2020-{month:02}-01" for month in range(1, 13)]
    assert "a row every 31 days" in refused(dated(*months))


def test_gaps_are_no_reason_to_refuse() -> None:
    days = ["2020-01-01", "2020-01-02", "2020-01-03", "2020-03-01", "2020-03-02", "2020-06-01"]
    assert list(closes(read(dated(*days)))) == days


def test_a_day_told_twice_alike_is_taken_once() -> None:
    reading = read(f"{YAHOO}\n2020-01-01,1,2,1,2,2,9\n2020-01-02,2,3,2,3,3,9\n2020-01-01,1,2,1,2,7,9.0\n")
    assert reasons(reading) == {4: "line 2 already tells of 2020-01-01"}


def test_a_gap_does_not_speak_against_a_price() -> None:
    reading = read("Date,Close\n2020-01-01,null\n2020-01-01,5\n")
    assert closes(reading) == {"2020-01-01": 5.0}
    assert reasons(reading) == {2: "line 3 already tells of 2020-01-01"}


def test_a_day_told_twice_differently_is_not_taken() -> None:
    reading = read("Date,Close\n2020-01-01,5\n2020-01-02,7\n2020-01-01,6\n")
    assert closes(reading) == {"2020-01-02": 7.0}
    assert reasons(reading) == {
        2: "line 4 tells otherwise of 2020-01-01",
        4: "line 2 tells otherwise of 2020-01-01",
    }


def test_three_lines_of_a_day_are_judged_together() -> None:
    assert len(read("Date,Close\n2020-01-01,5\n2020-01-01,5\n2020-01-01,6\n").rejected) == 3
    assert len(read("Date,Close\n2020-01-01,5\n2020-01-01,5\n2020-01-01,5\n").rejected) == 2
