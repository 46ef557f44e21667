"""The curated identities: the file that is shipped, and what is said about one that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto_platform.identity import CuratedFileError, curated_list
from crypto_platform.sources import coin_lists

HEAD = "asset_id,symbol,name,coingecko,yahoo\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(HEAD + "bitcoin,btc,Bitcoin,bitcoin,BTC-USD\nuniswap,uni,Uniswap,uniswap,\n")
    return path


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


def test_the_same_file_gives_the_same_rows(file: Path) -> None:
    assert curated_list(file).equals(curated_list(file))


def test_the_shipped_file_gives_no_id_to_two_coins_and_no_coin_two_ids_of_a_vendor() -> None:
    named = [(known, coin["source_asset_id"]) for coin in curated_list().to_pylist() for known in coin["known_as"]]
    ids = [known for known, _ in named]
    assert len(ids) == len(set(ids)) > 100
    of_source = [(known.partition(":")[0], asset_id) for known, asset_id in named]
    assert len(of_source) == len(set(of_source))
    assert "yahoo:BTC-USD" in ids


def test_an_id_on_two_lines_is_refused_with_both(file: Path) -> None:
    file.write_text(file.read_text() + "bitcoin-2,btc,Other,bitcoin,\n")
    with pytest.raises(
        CuratedFileError, match=r"gives the coingecko id 'bitcoin' to two coins, on lines 2 and 4; keep one"
    ):
        curated_list(file)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "asset_id,symbol,name\nbitcoin,btc,Bitcoin\n"])
def test_a_file_without_its_columns_is_refused(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(CuratedFileError, match="needs the columns asset_id, symbol, name and one for each source"):
        curated_list(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        CuratedFileError, match=r"none\.csv cannot be read \(No such file or directory\); set CRYPTO_CROSSWALK_FILE"
    ):
        curated_list(tmp_path / "none.csv")


@pytest.mark.parametrize(
    "content",
    [
        HEAD.encode() + b"caf\xe9,c,Caf\xe9,cafe,\n",
        (HEAD + "bitcoin,btc,Bitcoin,bitcoin,BTC-USD,too much\n").encode(),
        (HEAD + ",btc,Bitcoin,bitcoin,BTC-USD\n").encode(),
    ],
    ids=["not UTF-8", "a value too many", "no asset_id"],
)
def test_a_line_that_makes_no_sense_is_told_of(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(CuratedFileError):
        curated_list(file)


def test_a_line_is_named_as_an_editor_counts_it(file: Path) -> None:
    file.write_text(HEAD + "\n\nbitcoin,btc,Bitcoin,bitcoin,\nother,btc,Other,bitcoin,\n")
    with pytest.raises(CuratedFileError, match="on lines 4 and 5"):
        curated_list(file)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("bitcoin,doge,Dogecoin,dogecoin,\n", "has the coin 'bitcoin' on lines 2 and 4; keep one"),
        ("coingecko:ripple,xrp,XRP,ripple,\n", "a colon in its asset_id"),
        ("ripple,xrp,XRP,ripple, XRP-USD\n", "a blank around a value"),
    ],
)
def test_two_coins_are_not_merged_by_a_slip_in_the_file(file: Path, line: str, told: str) -> None:
    file.write_text(file.read_text() + line)
    with pytest.raises(CuratedFileError, match=told):
        curated_list(file)
