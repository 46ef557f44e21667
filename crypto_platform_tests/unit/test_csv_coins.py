"""Which coin a file is of: never by a ticker, first by what people say of it, and no two coins in one."""

from __future__ import annotations

import pytest
from test_csv_rows import YAHOO, closes, read, reasons, refused

from crypto_platform.sources.files import Guide, GuideError, with_coin

ROW = "2020-01-01,1,2,1,2,2,9\n"
CDD = "unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT\n"
CMC = "SNo,Name,Symbol,Date,High,Low,Open,Close,Volume,Marketcap\n"


def coin(name: str, coins: str = "") -> tuple[str | None, list[str]]:
    reading = read(f"{YAHOO}\n{ROW}", name, coins)
    (only,) = reading.coins.to_pylist()
    assert reading.rows["source_asset_id"].to_pylist() == [only["source_asset_id"]] == [reading.coin]
    return reading.coin, only["known_as"]


@pytest.mark.parametrize(
    "name", ["BTC-USD.csv", "yahoo_BTC-USD.csv", "BTC-USD (1).csv", "a.BTC-USD.2020.csv", "in/BTC-USD"]
)
def test_a_yahoo_symbol_in_the_name_is_the_coin(name: str) -> None:
    assert coin(name) == ("yahoo:BTC-USD", ["yahoo:BTC-USD"])


def test_a_symbols_number_belongs_to_it() -> None:
    assert coin("UNI7083-USD.csv")[0] == "yahoo:UNI7083-USD"


@pytest.mark.parametrize(
    "name", ["btc-usd.csv", "BTC.csv", "BTCUSD.csv", "XBTC-USDT.csv", "my-BTC-USD.csv", "BTC-USDX.csv"]
)
def test_anything_less_than_a_whole_symbol_names_no_coin(name: str) -> None:
    sentence = refused(f"{YAHOO}\n{ROW}", name)
    assert f"{name} names no coin" in sentence
    assert f"`{name},bitcoin`" in sentence


@pytest.mark.parametrize("name", ["BTC-EUR.csv", "x_btc-gbp.csv", "ETH-BTC.csv"])
def test_a_name_in_other_money_is_refused_even_where_the_coin_is_known(name: str) -> None:
    assert "only prices in US dollars" in refused(f"{YAHOO}\n{ROW}", name)
    assert "only prices in US dollars" in refused(f"{YAHOO}\n{ROW}", name, coins=f"{name},bitcoin\n")


def test_two_symbols_in_one_name_are_refused() -> None:
    assert "names several coins, BTC-USD and ETH-USD" in refused(f"{YAHOO}\n{ROW}", "BTC-USD_ETH-USD.csv")


def test_a_ticker_line_and_a_name_that_disagree_are_refused() -> None:
    text = "Price,Close\nTicker,ETH-USD\nDate,\n2020-01-01,1\n"
    assert read(text, "x.csv").coin == "yahoo:ETH-USD"
    assert "several coins" in refused(text, "BTC-USD.csv")
    assert "only prices in US dollars" in refused(text.replace("ETH-USD", "ETH-EUR"), "x.csv")


def test_what_coins_csv_says_comes_before_the_name() -> None:
    assert coin("BTC-USD.csv", "*-usd.csv,wrapped-bitcoin\n*,bitcoin\n") == (
        "wrapped-bitcoin",
        ["asset:wrapped-bitcoin"],
    )
    assert coin("a[1].csv", "A[1].CSV,yahoo:SOL-USD\n") == ("yahoo:SOL-USD", ["yahoo:SOL-USD"])
    assert coin("x.csv", "x.csv,asset:bitcoin\n") == ("bitcoin", ["asset:bitcoin"])


def test_what_coins_csv_says_comes_before_a_column() -> None:
    reading = read(f"{CDD}1577836800,2020-01-01,BTC/USDT,1,2,1,2,4,5\n", "x.csv", coins="x.csv,bitcoin\n")
    assert (reading.coin, reading.coins["source_asset_id"].to_pylist()) == ("bitcoin", ["bitcoin"])


@pytest.mark.parametrize("said", ["bitcoin", "yahoo:BTC-USD", "coingecko:bitcoin"])
def test_what_coins_csv_says_changes_no_currency(said: str) -> None:
    ticker = "Price,Close\nTicker,BTC-EUR\nDate,\n2020-01-01,1\n"
    assert "only prices in US dollars" in refused(ticker, "x.csv", coins=f"*,{said}\n")
    candle = "1735689600000,1,2,1,2,9,1735775999999,18,1,1,1,0\n"
    for name in ("ETHBTC-1d-2025-01.csv", "BTCEUR-1d-2025-01.csv"):
        assert "not in US dollars" in refused(candle, name, coins=f"*,{said}\n")
    pair = f"{CDD}1577836800,2020-01-01,BTC/EUR,1,2,1,2,4,5\n"
    assert "not in US dollars" in refused(pair, "x.csv", coins=f"*,{said}\n")


TICKER = "Price,Close\nTicker,ETH-USD\nDate,\n2020-01-01,1\n"
GECKO = "date,coingecko_coin_id,price_usd\n02-01-2020,ethereum,1\n"


@pytest.mark.parametrize(
    ("text", "said"), [(TICKER, "bitcoin"), (TICKER, "yahoo:BTC-USD"), (GECKO, "bitcoin"), (GECKO, "coingecko:bitcoin")]
)
def test_a_file_that_names_its_coin_is_not_taken_for_another(text: str, said: str) -> None:
    own = "yahoo:ETH-USD" if text is TICKER else "coingecko:ethereum"
    sentence = refused(text, "x.csv", coins=f"*.csv,{said}\n")
    assert f"is of {own} by its own words, but coins.csv says that it is of {said}; take its line out" in sentence
    assert read(text, "x.csv", coins=f"x.csv,{own}\n*.csv,{said}\n").coin == own, "as the sentence says"


def test_one_coin_by_two_names_is_no_contradiction() -> None:
    assert read(GECKO, "x.csv", coins="*,ethereum\n").coin == "ethereum"
    assert read(GECKO, "x.csv", coins="*,asset:ethereum\n").coin == "ethereum"


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("Binance_BTCUSDT_d.csv", "cryptodatadownload:Binance:BTC/USDT"),
        ("Kraken_BTCUSDT_d (1).csv", "cryptodatadownload:Kraken:BTC/USDT"),
        ("prices.csv", "cryptodatadownload:BTC/USDT"),
        ("Binance_ETHUSDT_d.csv", "cryptodatadownload:BTC/USDT"),
    ],
)
def test_a_pair_is_that_of_its_exchange(name: str, id_: str) -> None:
    reading = read(f"{CDD}1577836800,2020-01-01,BTC/USDT,1,2,1,2,4,5\n", name)
    assert reading.rows["source_asset_id"].to_pylist() == [id_]
    assert [(coin["symbol"], coin["is_active"]) for coin in reading.coins.to_pylist()] == [("BTC", False)]


def test_two_coins_of_one_name_have_ids_of_their_own() -> None:
    text = f"{CMC}1,Luna,LUNA,2020-01-01,2,1,1,2,9,9\n"
    ids = [read(each, "x.csv").coins["source_asset_id"][0].as_py() for each in (text, text.replace("LUNA", "LUNC"))]
    assert ids == ["cmc:Luna:LUNA", "cmc:Luna:LUNC"]


def test_a_name_without_a_symbol_may_be_any_coins() -> None:
    text = f"{CMC}1,Luna,,2020-01-01,2,1,1,2,9,9\n2,Luna,LUNA,2020-01-02,2,1,1,2,9,9\n"
    reading = read(text, "x.csv")
    assert (reasons(reading), list(closes(reading))) == ({2: "the row names no coin"}, ["2020-01-02"])
    assert reading.coins["source_asset_id"].to_pylist() == ["cmc:Luna:LUNA"]
    assert list(closes(read(text.replace("LUNA", ""), "x.csv", coins="*,terra\n"))) == ["2020-01-01", "2020-01-02"]


def test_an_old_files_coin_is_none_that_is_traded_today_by_its_name_alone() -> None:
    by_name = read(f"{CMC}1,Terra,LUNA,2021-01-01,2,1,1,2,9,9\n", "x.csv")
    assert by_name.coins["is_active"].to_pylist() == [False]
    assert read(GECKO, "x.csv").coins["is_active"].to_pylist() == [None], "an id tells"


def test_one_coin_for_a_file_of_several_is_refused() -> None:
    text = f"{CMC}1,Bitcoin,BTC,2020-01-01,2,1,1,2,9,9\n2,Ethereum,ETH,2020-01-01,2,1,1,2,9,9\n"
    assert "holds 2 coins" in refused(text, "x.csv", coins="*,bitcoin\n")


def test_a_row_that_names_no_coin_is_rejected() -> None:
    reading = read(f"{CMC}1,Bitcoin,BTC,2020-01-01,2,1,1,2,9,9\n2,,BTC,2020-01-02,2,1,1,2,9,9\n", "x.csv")
    assert reasons(reading) == {3: "the row names no coin"}


def test_rows_of_several_tickers_are_not_taken_for_one_coin() -> None:
    text = "Date,Ticker,Open,High,Low,Close\n2020-01-01,BTC,1,2,1,2\n2020-01-02,ETH,1,2,1,2\n"
    assert "several coins by its column Ticker" in refused(text)
    assert list(closes(read(text.replace("ETH", "BTC")))) == ["2020-01-01", "2020-01-02"]


def test_a_column_of_another_currency_is_refused() -> None:
    text = "Date,Close,Currency\n2020-01-01,1,EUR\n"
    assert "prices in EUR by its column Currency" in refused(text)
    assert read(text.replace("EUR", "USD")).rows.num_rows == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("coin,name\n", "Line 1 of coins.csv must be the header"),
        ("file,coin\n\nx.csv\n", "Line 3 of coins.csv cannot be read: it has 1 cells"),
        ("file,coin\n,bitcoin\n", "Line 2 of coins.csv names no file"),
        ("file,coin\nx.csv,bitcoin\ny.csv,BTC\n", "Line 3 of coins.csv names no coin that can be known: 'BTC'"),
        (b"file,coin\nx.csv,\xff\n", "Line 2 of coins.csv is not UTF-8"),
    ],
)
def test_a_wrong_line_of_coins_csv_is_named(content: str | bytes, sentence: str) -> None:
    with pytest.raises(GuideError) as caught:
        Guide.parse(content if isinstance(content, bytes) else content.encode(), None)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", "file,coin\nx[[]1].csv,bitcoin\n"),
        (b"\n \n", "file,coin\nx[[]1].csv,bitcoin\n"),
        (b"file,coin\ny.csv,solana", "file,coin\nx[[]1].csv,bitcoin\ny.csv,solana"),
        ("\ufeffcoin;file\r\nsolana;y.csv\r\n".encode(), "coin;file\nbitcoin;x[[]1].csv\nsolana;y.csv\n"),
    ],
)
def test_a_coin_is_said_in_the_way_of_the_file(before: bytes, after: str) -> None:
    assert with_coin(before, "x[1].csv", "bitcoin").decode() == after


def test_a_coins_csv_that_cannot_be_read_is_not_added_to() -> None:
    with pytest.raises(GuideError, match=r"^Line 2 of coins\.csv is not UTF-8"):
        with_coin("file,coin\nclôse.csv,bitcoin\n".encode("latin-1"), "x.csv", "bitcoin")


def test_coins_csv_may_come_from_a_spreadsheet() -> None:
    guide = Guide.parse("\ufeffCoin;File\r\nbitcoin;x.csv\r\n".encode(), None)
    found = guide.coin_for("X.csv")
    assert found is not None
    assert found.source_asset_id == "bitcoin"
    assert Guide.parse(None, None) == Guide.parse(b"", b"") == Guide()


GOOD = 'kind = "history"\nheader = ["a"]\ncolumns = {date = "a", close = "b"}\n'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[x]\nkind = \n", "Line 2 of formats.toml is not TOML"),
        ("\nx = 1\n", "Line 2 of formats.toml: the format x must be a table"),
        (f"# one\n[x]\n{GOOD}typo = 1\n", "Line 2 of formats.toml: the format x says 'typo'"),
        (
            f"[x]\n{GOOD}day = 'next'\n",
            "Line 1 of formats.toml: the format x needs day to be one of 'same', 'previous'",
        ),
        (f"[x]\n{GOOD}date_format = '%Q'\n", "Line 1 of formats.toml: the format x has a date_format"),
        (f"[x]\n{GOOD}delimiter = 'ab'\n", "Line 1 of formats.toml: the format x needs delimiter"),
        (f"[x]\n{GOOD}complete = 1\n", "Line 1 of formats.toml: the format x needs complete"),
        ('[x]\nkind = "history"\nheader = []\n', "Line 1 of formats.toml: the format x needs header"),
        ('[x]\nkind = "history"\nheader = ["a"]\n', "Line 1 of formats.toml: the format x needs columns"),
        ('[x]\nheader = ["a"]\ncolumns = {}\n', "Line 1 of formats.toml: the format x needs kind"),
        (
            '[x]\nkind = "history"\nheader = ["a"]\ncolumns = {date = "a"}\n',
            "Line 1 of formats.toml: the format x does not say which column is the close",
        ),
        (
            '[x]\nkind = "history"\nheader = ["a"]\ncolumns = {dat = "a"}\n',
            "Line 1 of formats.toml: the format x maps 'dat'",
        ),
    ],
)
def test_a_wrong_format_is_named_with_its_line(content: str, sentence: str) -> None:
    with pytest.raises(GuideError) as caught:
        Guide.parse(None, content.encode())
    assert str(caught.value).startswith(sentence)
