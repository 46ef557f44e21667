"""Files as people have them, small enough to count by hand, and what reading them is."""

from __future__ import annotations

from pipelines import Pipeline

from crypto_platform.cli.pipeline import read_files

YAHOO = """Date,Open,High,Low,Close,Adj Close,Volume
2026-10-01,91000.5,92100,90500,91800.25,91800.25,31000000000
2026-10-02,91800.25,92500,91000,92000,92000,30000000000
2026-10-03,null,null,null,null,null,null
2026-10-04,92050,93000,91900,92900,92900,29000000000
"""
"""Bitcoin from Yahoo's page, with a gap as it writes one; the newest day may be one so far."""

YFINANCE = """Price,Close,High,Low,Open,Volume
Ticker,ETH-USD,ETH-USD,ETH-USD,ETH-USD,ETH-USD
Date,,,,,
2026-10-01,3150.5,3200,3100,3120,15000000000
2026-10-02,3180,3190,3140,3150.5,14000000000
2026-10-03,3170,3200,3160,3180,13000000000
"""
KAGGLE = """SNo,Name,Symbol,Date,High,Low,Open,Close,Volume,Marketcap
1,Solana,SOL,13/10/2026,1.55e2,1.49e2,1.5e2,1.525e2,2.5E9,8.1e10
2,Solana,SOL,14/10/2026,1.6e2,1.5e2,1.525e2,1.58e2,2.6E9,8.4e10
3,XRP,XRP,13/10/2026,2.2e0,2.1e0,2.15e0,2.18e0,3.0E9,1.9e11
4,XRP,XRP,99/10/2026,2.2e0,2.1e0,2.15e0,2.18e0,3.0E9,1.9e11
"""
"""Two coins in one file, the day before the month, exponents, and a day that there is none of."""

EXCHANGE = """https://www.CryptoDataDownload.com
unix,date,symbol,open,high,low,close,Volume SOL,Volume USDT,tradecount
1793491200000,2026-11-01 00:00:00,SOL/USDT,160,161,159,160.5,100,16050,500
1793404800000,2026-10-31 00:00:00,SOL/USDT,158,162,157,160,90000,14400000,50000
1793318400000,2026-10-30 00:00:00,SOL/USDT,155,159,154,158,95000,15010000,52000
"""
"""Newest first, over the end of a month, and the newest day is one so far."""

CLOSES = "day,price\n2026-10-20,0.41\n2026-10-21,0.42\n2026-10-22,-0.4\n2026-10-23,0.43\n"
"""One close is below 0, and nothing says of what coin they are."""

SNAPSHOTS = """id,symbol,name,price_usd,market_cap_usd,volume_24h_usd,last_updated
bitcoin,btc,Bitcoin,92000,1.83e12,3.1e10,2026-11-16T09:00:00Z
bitcoin,btc,Bitcoin,92000,1.83e12,3.1e10,2026-11-16T09:00:00Z
bitcoin,btc,Bitcoin,92500,1.84e12,3.2e10,2026-11-16T21:00:00Z
my-own-coin,mine,My Own Coin,0.5,5000000,20000,2026-11-16T09:00:00Z
my-own-coin,mine,My Own Coin,0,5000000,20000,2026-11-17T09:00:00Z
bitcoin,btc,Bitcoin,93000,1.85e12,3.2e10,2026-11-18T09:00:00Z
bitcoin,btc,Bitcoin,87000,1.75e12,3.2e10,2025-12-31T09:00:00Z
bitcoin,btc,Bitcoin,93000,1.85e12,3.2e10,soon
"""
"""Over several days; a row that comes twice, a price of 0, a day before the first that is kept, a time that is none."""

HOURLY = "Date,Open,High,Low,Close,Volume\n" + "".join(f"2026-10-01 {h:02}:00:00,1,2,1,2,9\n" for h in range(24))

FILES = {
    "BTC-USD.csv": YAHOO,
    "prices.csv": YFINANCE,
    "sub/kaggle.csv": KAGGLE,
    "Binance_SOLUSDT_d.csv": EXCHANGE,
    "doge.csv": CLOSES,
    "market.csv": SNAPSHOTS,
    "ETH-USD hourly.csv": HOURLY,
    "notes.csv": "to do,when\nbuy milk,2026-11-20\n",
    "pi.csv": "date,close\n2026-10-01,3.14\n",
}
COINS = "file,coin\ndoge.csv,dogecoin\nbinance_solusdt*.csv,solana\n"


def read(pipeline: Pipeline) -> None:
    """What is new in the drop folder, through to gold, as the command does it."""
    read_files(pipeline.runner)


def drop_all(pipeline: Pipeline) -> None:
    """Every file, and which coin some of them are of; one of them stays without."""
    for name, content in FILES.items():
        pipeline.drop(name, content)
    pipeline.drop("coins.csv", COINS)


def statuses(pipeline: Pipeline) -> dict[str, str]:
    return {row["file"]: row["status"] for row in pipeline.asked("from dropped_files")}
