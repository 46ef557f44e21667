"""The curated identities: the file that is shipped, and what is said about one that cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from crypto_platform.identity import CuratedFileError, crosswalk_rows, curated_list, history_universe
from crypto_platform.sources import coin_lists

HEAD = "asset_id,symbol,name,coingecko,yahoo\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(HEAD + "bitcoin,btc,Bitcoin,bitcoin,BTC-USD\nuniswap,uni,Uniswap,uniswap,\n")
    return path


def test_every_id_of_a_line_is_one_mapping_and_a_blank_is_none(file: Path) -> None:
    rows = crosswalk_rows(file).to_pylist()
    assert [(row["source"], row["source_asset_id"], row["asset_id"]) for row in rows] == [
        ("coingecko", "bitcoin", "bitcoin"),
        ("coingecko", "uniswap", "uniswap"),
        ("yahoo", "BTC-USD", "bitcoin"),
    ]
    assert {(row["method"], row["valid_to"], row["known_to"]) for row in rows} == {("curated", None, None)}
    assert rows[0]["evidence"] == "mine.csv: bitcoin"


def test_the_file_is_a_list_of_coins_that_are_known_by_their_ids_at_vendors(file: Path) -> None:
    coins = curated_list(file)
    assert coins.schema == coin_lists.SCHEMA
    assert coins.to_pylist() == [
        {
            "source_asset_id": "bitcoin",
            "symbol": "btc",
            "name": "Bitcoin",
            "is_active": None,
            "known_as": ["coingecko:bitcoin", "yahoo:BTC-USD"],
        },
        {
            "source_asset_id": "uniswap",
            "symbol": "uni",
            "name": "Uniswap",
            "is_active": None,
            "known_as": ["coingecko:uniswap"],
        },
    ]


def test_a_mapping_reaches_back_before_the_first_price(file: Path) -> None:
    assert {row["valid_from"] for row in crosswalk_rows(file).to_pylist()} == {date(2009, 1, 3)}


def test_the_same_file_gives_the_same_rows(file: Path) -> None:
    assert crosswalk_rows(file).equals(crosswalk_rows(file))
    assert curated_list(file).equals(curated_list(file))


def test_the_shipped_file_gives_no_id_to_two_coins_and_no_coin_two_lines() -> None:
    rows = crosswalk_rows().to_pylist()
    keys = [(row["source"], row["source_asset_id"]) for row in rows]
    assert len(keys) == len(set(keys)) > 100
    of_source = [(row["source"], row["asset_id"]) for row in rows]
    assert len(of_source) == len(set(of_source))
    assert ("yahoo", "BTC-USD") in keys


def test_the_universe_is_in_the_order_of_the_file(file: Path) -> None:
    assert history_universe("coingecko", file) == ["bitcoin", "uniswap"]
    assert history_universe("yahoo", file) == ["BTC-USD"]
    assert history_universe("yahoo", None, 3) == ["BTC-USD", "ETH-USD", "USDT-USD"]
    assert history_universe("nobody", file) == []


Reader = Callable[[Path], pa.Table]


@pytest.fixture(params=[crosswalk_rows, curated_list])
def read(request: pytest.FixtureRequest) -> Reader:
    return request.param


def test_an_id_on_two_lines_is_refused_with_both(read: Reader, file: Path) -> None:
    file.write_text(file.read_text() + "bitcoin-2,btc,Other,bitcoin,\n")
    with pytest.raises(
        CuratedFileError, match=r"gives the coingecko id 'bitcoin' to two coins, on lines 2 and 4; keep one"
    ):
        read(file)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "asset_id,symbol,name\nbitcoin,btc,Bitcoin\n"])
def test_a_file_without_its_columns_is_refused(read: Reader, file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(CuratedFileError, match="needs the columns asset_id, symbol, name and one for each source"):
        read(file)


def test_a_file_that_is_not_there_is_named(read: Reader, tmp_path: Path) -> None:
    with pytest.raises(
        CuratedFileError, match=r"none\.csv cannot be read \(No such file or directory\); set CRYPTO_CROSSWALK_FILE"
    ):
        read(tmp_path / "none.csv")


@pytest.mark.parametrize(
    "content",
    [
        HEAD.encode() + b"caf\xe9,c,Caf\xe9,cafe,\n",
        (HEAD + "bitcoin,btc,Bitcoin,bitcoin,BTC-USD,too much\n").encode(),
        (HEAD + ",btc,Bitcoin,bitcoin,BTC-USD\n").encode(),
    ],
    ids=["not UTF-8", "a value too many", "no asset_id"],
)
def test_a_line_that_makes_no_sense_is_told_of(read: Reader, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(CuratedFileError):
        read(file)


def test_a_line_is_named_as_an_editor_counts_it(read: Reader, file: Path) -> None:
    file.write_text(HEAD + "\n\nbitcoin,btc,Bitcoin,bitcoin,\nother,btc,Other,bitcoin,\n")
    with pytest.raises(CuratedFileError, match="on lines 4 and 5"):
        read(file)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("bitcoin,doge,Dogecoin,dogecoin,\n", "has the coin 'bitcoin' on lines 2 and 4; keep one"),
        ("coingecko:ripple,xrp,XRP,ripple,\n", "a colon in its asset_id"),
        ("ripple,xrp,XRP,ripple, XRP-USD\n", "a blank around a value"),
    ],
)
def test_two_coins_are_not_merged_by_a_slip_in_the_file(read: Reader, file: Path, line: str, told: str) -> None:
    file.write_text(file.read_text() + line)
    with pytest.raises(CuratedFileError, match=told):
        read(file)
