"""The simulated market itself: a pure function of seed, coin and time."""

import subprocess
import sys
from collections import Counter
from datetime import date

import numpy as np
import pytest

from crypto_platform.sandbox.clock import parse_moment
from crypto_platform.sandbox.coins import build_coins
from crypto_platform.sandbox.market import Market
from crypto_platform.sandbox.noise import draw, draws, smooth, smooth_hours, word, words

DAY = 86_400
FIRST_DAY = 16_330
LAST_DAY = 20_770


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(7, 1_000)


def coin_at(index: int) -> np.ndarray:
    return np.array([index], dtype=np.int64)


def test_two_markets_of_one_seed_are_equal(market: Market) -> None:
    other = Market(7, 1_000)
    assert other.coins == market.coins
    assert np.array_equal(other.bars(150, FIRST_DAY, LAST_DAY).close, market.bars(150, FIRST_DAY, LAST_DAY).close)


def test_another_seed_is_another_market(market: Market) -> None:
    other = Market(8, 1_000)
    assert not np.allclose(other.bars(1, 20_000, 20_010).close, market.bars(1, 20_000, 20_010).close, rtol=1e-3)


def test_another_process_sees_the_same_prices_and_coins(market: Market) -> None:
    program = (
        "import numpy as np\nfrom crypto_platform.sandbox.market import Market\n"
        "m = Market(7, 1000)\n"
        "print(repr(float(m.price(np.array([321]), np.array([1.75e9]))[0])), m.coins[321].coingecko, m.coins[9].supply)"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    price = float(market.price(coin_at(321), np.array([1.75e9]))[0])
    assert output.split() == [repr(price), market.coins[321].coingecko, str(market.coins[9].supply)]


def test_how_many_coins_are_listed_does_not_move_a_price(market: Market) -> None:
    few = Market(7, 400)
    times = np.array([1.6e9, 1.7e9])
    assert np.array_equal(few.price(coin_at(3), times), market.price(coin_at(3), times))


def test_scalar_and_array_hashes_agree() -> None:
    assert words(7, 3, np.array([-1, 5]))[1] == word(7, 3, 5)
    assert draws(7, 3, np.array([5]))[0] == draw(7, 3, 5)


@pytest.mark.parametrize("period", [1, 3, 41, 9_001])
def test_noise_at_whole_hours_is_the_noise_of_any_moment(period: int) -> None:
    hours = np.arange(100_000, 100_200)
    keys = words(7, period, np.array([1]))
    assert np.array_equal(smooth_hours(int(keys[0]), 100_000, 100_199, period), smooth(keys, hours * 1.0, period))


def test_a_bar_opens_and_closes_at_the_prices_of_its_midnights(market: Market) -> None:
    bars = market.bars(14, FIRST_DAY, LAST_DAY)
    assert np.allclose(market.price(coin_at(14), bars.days * 1.0 * DAY), bars.open, rtol=1e-12)
    assert np.allclose(market.price(coin_at(14), (bars.days + 1.0) * DAY), bars.close, rtol=1e-12)


def test_open_and_close_lie_between_low_and_high(market: Market) -> None:
    for coin in range(0, 400, 37):
        bars = market.bars(coin, FIRST_DAY, LAST_DAY)
        assert (bars.low <= np.minimum(bars.open, bars.close)).all()
        assert (bars.high >= np.maximum(bars.open, bars.close)).all()


def test_no_bar_comes_before_a_coin_is_known(market: Market) -> None:
    for coin in market.coins[:300:30]:
        assert market.bars(coin.index, 15_000, LAST_DAY).days[0] == coin.known_at // DAY


def test_a_span_before_the_listing_has_no_bars(market: Market) -> None:
    assert len(market.bars(12, 16_000, 16_100).close) == 0


@pytest.mark.parametrize(
    ("day", "price"), [("2014-09-17", 457), ("2018-01-01", 13_800), ("2021-01-01", 29_000), ("2026-11-01", 92_000)]
)
def test_bitcoin_roughly_follows_its_history(market: Market, day: str, price: float) -> None:
    assert market.price(coin_at(0), np.array([parse_moment(day)]))[0] == pytest.approx(price, rel=0.3)


def test_a_stablecoin_stays_near_one_dollar(market: Market) -> None:
    tether = next(coin for coin in market.coins if coin.coingecko == "tether")
    closes = market.bars(tether.index, FIRST_DAY, LAST_DAY).close
    assert 0.98 < closes.min() < closes.max() < 1.02


def test_coins_move_as_the_market_does(market: Market) -> None:
    bitcoin, other = (np.diff(np.log(market.bars(coin, 19_000, LAST_DAY).close)) for coin in (0, 1))
    assert np.corrcoef(bitcoin, other)[0, 1] > 0.25


def test_listings_spread_over_the_years(market: Market) -> None:
    listed = [coin.listed for coin in market.coins[:250]]
    by_year = [sum(day <= date(year, 12, 31) for day in listed) for year in (2015, 2018, 2021, 2025)]
    assert by_year[0] in range(4, 20)
    assert by_year[1] in range(45, 90)
    assert by_year[2] in range(130, 200)
    assert by_year[3] == 250
    assert min(listed) == date(2014, 9, 17)


def test_a_third_of_the_coins_share_a_ticker_and_one_impostor_uses_btc(market: Market) -> None:
    count = Counter(coin.symbol for coin in market.coins)
    assert 0.25 < sum(number for number in count.values() if number > 1) / 1_000 < 0.5
    assert count["btc"] >= 2
    borrower = market.traps["borrowed_btc"]
    assert borrower is not None
    assert market.coins[borrower].symbol == "btc"


def test_two_coins_with_one_ticker_and_name_have_two_ids(market: Market) -> None:
    one, two = (market.coins[market.traps.coin_of[trap]] for trap in ("twin", "twin_again"))
    assert (one.symbol, one.name) == (two.symbol, two.name)
    assert one.coingecko != two.coingecko
    assert one.coinpaprika != two.coinpaprika or one.coinpaprika is None


@pytest.mark.parametrize("count", [10, 30, 300, 20_000])
def test_ids_are_unique_in_a_market_of_any_size(count: int) -> None:
    coins, traps = build_coins(7, count)
    assert len(coins) == count
    for ids in (
        [coin.coingecko for coin in coins],
        [coin.coinpaprika for coin in coins if coin.coinpaprika],
        [coin.yahoo for coin in coins if coin.yahoo],
    ):
        assert len(set(ids)) == len(ids)
    assert all(coin.yahoo for coin in coins[:300])
    assert not any(trap in traps.coin_of and traps.coin_of[trap] < 300 for trap in ("vanished", "odd_id"))


def test_prices_reach_down_to_a_trillionth_and_supplies_past_exact_doubles() -> None:
    coins, _ = build_coins(7, 1_000)
    assert 1e-13 < min(coin.price for coin in coins) < 2e-12
    assert max(coin.supply for coin in coins) > 4e17
