"""The files people really have: each format is known by its header and read with its own traps."""

from __future__ import annotations

import pytest
from test_csv_rows import YAHOO, bars, closes, read, reasons, refused

CDD = "unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT,tradecount"
CMC = "SNo,Name,Symbol,Date,High,Low,Open,Close,Volume,Marketcap"


def test_yahoos_web_download_has_its_volume_and_no_adjusted_close() -> None:
    reading = read(f"{YAHOO}\n2020-01-01,7194.8,7254.3,7174.9,7200.1,9.9,18565664997\n2020-01-02,1,2,1,2,2,3\n")
    assert (reading.format, reading.coin, reading.kind) == ("yahoo", "yahoo:BTC-USD", "history")
    first = bars(reading)["2020-01-01"]
    assert (first["open_usd"], first["close_usd"], first["volume_usd"]) == (7194.8, 7200.1, 18565664997.0)
    assert first["market_cap_usd"] is None


def test_the_newest_day_of_a_yahoo_file_is_unfinished_and_no_other() -> None:
    reading = read(f"{YAHOO}\n2020-01-02,1,2,1,2,2,3\n2020-01-03,1,2,1,2,2,3\n2020-01-01,1,2,1,2,2,3\n")
    assert {day: row["unfinished"] for day, row in bars(reading).items()} == {
        "2020-01-01": None,
        "2020-01-02": None,
        "2020-01-03": True,
    }


@pytest.mark.parametrize("third", ["Date,,,,,\n", ""])
def test_a_download_of_yfinance_with_header_lines_names_its_coin(third: str) -> None:
    text = (
        f"Price,Close,High,Low,Open,Volume\nTicker,{','.join(['Btc-Usd'] * 5)}\n{third}2016-01-01,4,5,3,3.5,36278900\n"
    )
    reading = read(text, "prices.csv")
    assert (reading.format, reading.coin, reading.lines) == ("yahoo", "yahoo:BTC-USD", 1)
    row = bars(reading)["2016-01-01"]
    assert [row[f"{name}_usd"] for name in ("open", "high", "low", "close", "volume")] == [3.5, 5, 3, 4, 36278900]


def test_several_tickers_side_by_side_are_refused() -> None:
    text = "Price,Close,Close\nTicker,BTC-USD,ETH-USD\nDate,,\n2016-01-01,1,2\n"
    assert "save one file per coin" in refused(text, "prices.csv")


def test_a_history_of_yfinance_is_known_by_its_dividends() -> None:
    text = "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n2020-04-10 00:00:00+00:00,1,3,1,2,87,0.0,0.0\n"
    reading = read(text, "data.csv", coins="data.csv,solana\n")
    assert (reading.format, bars(reading)["2020-04-10"]["volume_usd"]) == ("yahoo", 87.0)


def test_cryptodatadownload_comes_newest_first_with_units_mixed_and_its_newest_day_partial() -> None:
    reading = read(
        "https://www.CryptoDataDownload.com\n"
        f"{CDD}\n"
        "1664928000000,2022-10-05 00:00:00,BTC/USDT,1,2,1,2,4,86,5\n"
        "1664841600000000,2022-10-04 00:00:00,BTC/USDT,1,2,1,3,4,87,5\n"
        "1664755200.0,2022-10-03,BTC/USDT,1,2,1,4,4,88,NULL\n",
        "Binance_BTCUSDT_d.csv",
    )
    assert (reading.format, reading.coin) == ("cryptodatadownload", None)
    assert reading.coins.to_pylist()[0]["source_asset_id"] == "cryptodatadownload:Binance:BTC/USDT"
    assert reading.coins.to_pylist()[0]["known_as"] == []
    assert [(row["position"], row["volume_usd"], row["unfinished"]) for row in reading.rows.to_pylist()] == [
        (3, 86.0, True),
        (4, 87.0, None),
        (5, 88.0, None),
    ]


def test_the_volume_in_coins_is_never_taken_for_dollars() -> None:
    header = "Unix Timestamp,Date,Symbol,Open,High,Low,Close,Volume"
    assert bars(read(f"{header}\n1577836800,2020-01-01,BTCUSD,1,2,1,2,55\n"))["2020-01-01"]["volume_usd"] is None
    header = "Date,Symbol,Open,High,Low,Close,VolumeBTC,VolumeUSDT"
    assert bars(read(f"{header}\n2020-01-01 12-AM,BTC/USDT,1,2,1,2,55,99\n"))["2020-01-01"]["volume_usd"] == 99.0


def test_without_a_pair_no_volume_is_known_to_be_in_dollars() -> None:
    text = "unix,date,symbol,open,high,low,close,volume\n1577836800,2020-01-01,null,1,2,1,2,55\n"
    assert bars(read(text, "x.csv", coins="x.csv,bitcoin\n"))["2020-01-01"]["volume_usd"] is None


@pytest.mark.parametrize("pair", ["BTC/EUR", "ETH/BTC", "BTCTRY", "USD", "/USDT"])
def test_pairs_in_other_money_than_dollars_are_refused(pair: str) -> None:
    assert "not in US dollars" in refused(f"{CDD}\n1577836800,2020-01-01,{pair},1,2,1,2,4,5,6\n")


@pytest.mark.parametrize("pair", ["BTC/USD", "BTC/FDUSD", "BTCBUSD", "ETH/DAI", "BTCUSDC"])
def test_stablecoins_of_the_dollar_are_dollars(pair: str) -> None:
    assert read(f"{CDD}\n1577836800,2020-01-01,{pair},1,2,1,2,4,5,6\n").rows.num_rows == 1


def test_two_dates_a_day_apart_reject_the_row() -> None:
    reading = read(
        f"{CDD}\n1577836800,2020-01-02,BTC/USD,1,2,1,2,4,5,6\n1577923200,2020-01-02 12:00:00,BTC/USD,1,2,1,2,4,5,6\n"
    )
    assert reasons(reading) == {2: "its two dates disagree: 2020-01-01 and 2020-01-02"}


def test_a_second_date_in_local_time_is_no_disagreement() -> None:
    assert not read(f"{CDD}\n1577836800,2019-12-31 19:00:00,BTC/USD,1,2,1,2,4,5,6\n").rejected


def test_kaggles_file_is_read_with_its_day_ends_and_exponents() -> None:
    reading = read(
        f"{CMC}\n1,Bitcoin,BTC,29/04/2013 23:59,147,134,134.4,144.5,0,1603768865\n"
        "2,Ethereum,ETH,2021-07-06 23:59:59,2,1,1,2,26501259870,6.42E+11\n",
        "all.csv",
    )
    assert (reading.format, reading.coin) == ("coinmarketcap", None)
    assert bars(reading)["2013-04-29"]["close_usd"] == 144.5
    assert bars(reading)["2021-07-06"]["market_cap_usd"] == 6.42e11
    assert [
        (coin["source_asset_id"], coin["symbol"], coin["name"], coin["known_as"]) for coin in reading.coins.to_pylist()
    ] == [
        ("cmc:Bitcoin:BTC", "BTC", "Bitcoin", []),
        ("cmc:Ethereum:ETH", "ETH", "Ethereum", []),
    ]
    assert set(reading.rows["unfinished"].to_pylist()) == {None}


def test_two_coins_with_one_name_stay_apart() -> None:
    reading = read(f"{CMC}\n1,Gems,GEMS,2020-01-01,2,1,1,2,9,9\n2,Gems,XGEM,2020-01-02,8,7,7,8,9,9\n")
    assert closes(reading) == {"2020-01-01": 2.0}
    assert reasons(reading)[3].startswith("Gems is GEMS further up and XGEM here")


def test_coingeckos_midnight_price_closes_the_day_before() -> None:
    reading = read(
        "date,coingecko_coin_id,coin_symbol,coin_name,price_usd,price_eur\n01-01-2025,bitcoin,btc,Bitcoin,93507.8,1\n"
        "02-01-2025,bitcoin,btc,Bitcoin,94384.1,1\n",
        "x.csv",
    )
    assert closes(reading) == {"2024-12-31": 93507.8, "2025-01-01": 94384.1}
    assert reading.coins.to_pylist()[0]["known_as"] == ["coingecko:bitcoin"]
    assert set(reading.rows["unfinished"].to_pylist()) == {None}


def test_coingeckos_dates_begin_with_the_day() -> None:
    text = "date,coingecko_coin_id,price_usd\n02-01-2025,bitcoin,94384.1\n"
    assert list(closes(read(text, "x.csv"))) == ["2025-01-01"]


def test_coingeckos_web_download_closes_the_day_before_and_ends_live() -> None:
    reading = read(
        "snapped_at,price,market_cap,total_volume\n2013-04-28 00:00:00 UTC,135.3,1500517590,0\n"
        "2013-04-29 00:00:00 UTC,141.96,1,0\n2013-04-29 15:32:00 UTC,150,1,0\n",
        "btc-usd-max.csv",
        coins="BTC-*-max.csv,bitcoin\n",
    )
    assert closes(reading) == {"2013-04-27": 135.3, "2013-04-28": 141.96, "2013-04-29T15:32:00+00:00": 150.0}
    assert reading.rows["unfinished"].to_pylist() == [None, None, True]


def test_a_close_alone_is_enough() -> None:
    reading = read("date,value\n2020-10-01,4.01\n2020-10-03,3.78\n", "UNI7083-USD.csv")
    assert (reading.format, reading.coin) == ("close-only", "yahoo:UNI7083-USD")
    assert closes(reading) == {"2020-10-01": 4.01, "2020-10-03": 3.78}


def test_bars_of_nobody_in_particular_have_no_volume() -> None:
    text = "Date,Open,High,Low,Close,Volume\n2020-01-01,1,2,1,2,99\n"
    assert bars(read(text, "a.csv", coins="a.csv,bitcoin\n"))["2020-01-01"]["volume_usd"] is None
    assert bars(read(text, "BTC-USD.csv"))["2020-01-01"]["volume_usd"] == 99.0


@pytest.mark.parametrize("stamp", ["1735689600000", "1735689600000000"])
def test_a_binance_dump_needs_no_header(stamp: str) -> None:
    line = f"{stamp},93576.0,95151.1,92888.0,94591.7,10373.3,1735775999999,975444933.0,1,1,1,0\n"
    reading = read(line, "BTCUSDT-1d-2025-01.csv")
    row = bars(reading)["2025-01-01"]
    assert (reading.format, reading.coin, row["volume_usd"]) == ("binance-klines", "binance:BTCUSDT", 975444933.0)
    assert (row["position"], row["unfinished"]) == (1, None)
    assert "bars of 1mo by its name" in refused(line, "BTCUSDT-1mo-2025-01.csv")
    assert "not in US dollars" in refused(line, "ETHBTC-1d-2025-01.csv")


def test_headers_in_any_order_case_and_encoding_are_known() -> None:
    text = '"VOLUME";"close";"adj_close";"Low";"HIGH";"open";"date"\r\n9;2;2;1;3;1.5;2020-01-01\r\n'
    for content in (text.encode(), text.encode("utf-8-sig"), text.encode("utf-16"), text.replace(";", "\t").encode()):
        assert closes(read(content)) == {"2020-01-01": 2.0}


def test_the_formats_of_the_user_come_first() -> None:
    formats = """
    [mine]
    kind = "history"
    header = ["WHEN", "last"]
    date_format = "%d.%m.%Y"
    day = "previous"
    delimiter = ";"
    decimal = ","
    complete = true
    columns = {date = "when", close = "Last", volume = "turnover", coin = "what"}
    """
    header = "when;last;turnover;what"
    text = f"{header}\n01.02.2020;1.234,5;7;bitcoin\n02.02.2020;8,25;;yahoo:ETH-USD\n03.02.2020;1.5;1;bitcoin\n"
    reading = read(text, "x.csv", formats=formats)
    assert (reading.format, closes(reading)) == ("mine", {"2020-01-31": 1234.5, "2020-02-01": 8.25})
    assert reasons(reading) == {4: "close is not a number: '1.5'"}
    assert set(reading.rows["unfinished"].to_pylist()) == {None}
    assert reading.coins["known_as"].to_pylist() == [["asset:bitcoin"], ["yahoo:ETH-USD"]]
    assert "has no column for volume" in refused(text.replace("turnover", "t"), "x.csv", formats=formats)
