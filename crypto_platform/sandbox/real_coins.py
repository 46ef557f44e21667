"""The largest coins under their real names: reference data, one line a coin, largest first. No logic."""

from __future__ import annotations

# CoinGecko id | symbol | name | CoinPaprika id | Yahoo symbol | rough price in USD | first day on Yahoo
REAL_COINS = """
bitcoin|btc|Bitcoin|btc-bitcoin|BTC-USD|92000|2014-09-17
ethereum|eth|Ethereum|eth-ethereum|ETH-USD|3100|2015-08-07
tether|usdt|Tether|usdt-tether|USDT-USD|1|2017-11-09
ripple|xrp|XRP|xrp-xrp|XRP-USD|2.1|2014-09-17
binancecoin|bnb|BNB|bnb-binance-coin|BNB-USD|880|2017-11-09
solana|sol|Solana|sol-solana|SOL-USD|135|2020-04-10
usd-coin|usdc|USDC|usdc-usd-coin|USDC-USD|1|2018-10-08
staked-ether|steth|Lido Staked Ether|steth-lido-staked-ether|STETH-USD|3095|2020-12-23
tron|trx|TRON|trx-tron|TRX-USD|0.28|2017-11-09
dogecoin|doge|Dogecoin|doge-dogecoin|DOGE-USD|0.15|2014-09-17
cardano|ada|Cardano|ada-cardano|ADA-USD|0.43|2017-11-09
wrapped-bitcoin|wbtc|Wrapped Bitcoin|wbtc-wrapped-bitcoin|WBTC-USD|91800|2019-01-30
hyperliquid|hype|Hyperliquid|hype-hyperliquid|HYPE32196-USD|31|2024-11-29
bitcoin-cash|bch|Bitcoin Cash|bch-bitcoin-cash|BCH-USD|560|2017-11-09
chainlink|link|Chainlink|link-chainlink|LINK-USD|13.2|2017-11-09
leo-token|leo|LEO Token|leo-leo-token|LEO-USD|9.4|2019-05-21
zcash|zec|Zcash|zec-zcash|ZEC-USD|420|2017-11-09
monero|xmr|Monero|xmr-monero|XMR-USD|390|2017-11-09
stellar|xlm|Stellar|xlm-stellar|XLM-USD|0.25|2014-09-17
ethena-usde|usde|Ethena USDe|usde-ethena-usde|USDE29470-USD|1|2024-04-03
litecoin|ltc|Litecoin|ltc-litecoin|LTC-USD|84|2014-09-17
dai|dai|Dai|dai-dai|DAI-USD|1|2019-11-22
hedera-hashgraph|hbar|Hedera|hbar-hedera-hashgraph|HBAR-USD|0.14|2019-09-17
sui|sui|Sui|sui-sui|SUI20947-USD|1.6|2023-05-03
avalanche-2|avax|Avalanche|avax-avalanche|AVAX-USD|14.2|2020-07-13
shiba-inu|shib|Shiba Inu|shib-shiba-inu|SHIB-USD|0.0000086|2020-08-01
uniswap|uni|Uniswap|uni-uniswap|UNI7083-USD|6.1|2020-09-17
the-open-network|ton|Toncoin|toncoin-the-open-network|TON11419-USD|1.6|2021-08-28
crypto-com-chain|cro|Cronos|cro-cryptocom-chain|CRO-USD|0.105|2018-12-14
polkadot|dot|Polkadot|dot-polkadot|DOT-USD|2.3|2020-08-20
weth|weth|WETH|weth-weth|WETH-USD|3100|2018-01-27
mantle|mnt|Mantle|mnt-mantle|MNT27075-USD|1.05|2023-07-19
bittensor|tao|Bittensor|tao-bittensor|TAO22974-USD|290|2023-03-06
near|near|NEAR Protocol|near-near-protocol|NEAR-USD|1.9|2020-10-14
aave|aave|Aave|aave-aave|AAVE-USD|175|2020-10-05
bitget-token|bgb|Bitget Token|bgb-bitget-token|BGB-USD|3.6|2021-08-12
internet-computer|icp|Internet Computer|icp-internet-computer|ICP-USD|4.2|2021-05-10
okb|okb|OKB|okb-okb|OKB-USD|108|2019-05-02
pepe|pepe|Pepe|pepe-pepe|PEPE24478-USD|0.0000046|2023-04-17
ethereum-classic|etc|Ethereum Classic|etc-ethereum-classic|ETC-USD|13.6|2017-11-09
aptos|apt|Aptos|apt-aptos|APT21794-USD|2.3|2022-10-19
paypal-usd|pyusd|PayPal USD|pyusd-paypal-usd|PYUSD-USD|1|2023-08-08
ondo-finance|ondo|Ondo|ondo-ondo|ONDO-USD|0.51|2024-01-19
polygon-ecosystem-token|pol|POL (ex-MATIC)|pol-polygon-ecosystem-token|POL28321-USD|0.13|2023-10-30
worldcoin-wld|wld|Worldcoin|wld-worldcoin|WLD-USD|0.63|2023-07-24
aster-2|aster|Aster|aster-aster|ASTER36341-USD|1.1|2025-09-18
kucoin-shares|kcs|KuCoin|kcs-kucoin-token|KCS-USD|11.1|2017-11-09
tether-gold|xaut|Tether Gold|xaut-tether-gold|XAUT-USD|4060|2020-02-08
arbitrum|arb|Arbitrum|arb-arbitrum|ARB11841-USD|0.21|2023-03-23
ethena|ena|Ethena|ena-ethena|ENA-USD|0.25|2024-04-02
algorand|algo|Algorand|algo-algorand|ALGO-USD|0.14|2019-06-21
vechain|vet|VeChain|vet-vechain|VET-USD|0.0135|2018-08-03
cosmos|atom|Cosmos Hub|atom-cosmos|ATOM-USD|2.5|2019-03-14
kaspa|kas|Kaspa|kas-kaspa|KAS-USD|0.048|2022-06-01
render-token|render|Render|render-render|RENDER-USD|1.7|2020-06-11
pax-gold|paxg|PAX Gold|paxg-pax-gold|PAXG-USD|4080|2019-09-27
flare-networks|flr|Flare|flr-flare|FLR-USD|0.013|2023-01-10
filecoin|fil|Filecoin|fil-filecoin|FIL-USD|1.6|2017-12-13
sei-network|sei|Sei|sei-sei|SEI-USD|0.14|2023-08-15
xdce-crowd-sale|xdc|XDC Network|xdc-xdc-network|XDC-USD|0.052|2018-04-14
pump-fun|pump|Pump.fun|pump-pumpfun|PUMP36507-USD|0.0027|2025-07-12
official-trump|trump|Official Trump|trump-official-trump|TRUMP35336-USD|6.1|2025-01-18
jupiter-exchange-solana|jup|Jupiter|jup-jupiter|JUP29210-USD|0.24|2024-01-31
quant-network|qnt|Quant|qnt-quant|QNT-USD|94|2018-08-10
bonk|bonk|Bonk|bonk-bonk|BONK-USD|0.0000095|2022-12-29
gatechain-token|gt|Gate|gt-gatechain-token|GT-USD|10.2|2019-06-04
virtual-protocol|virtual|Virtuals Protocol|virtual-virtual-protocol|VIRTUAL-USD|0.9|2023-12-13
pudgy-penguins|pengu|Pudgy Penguins|pengu-pudgy-penguins|PENGU34466-USD|0.011|2024-12-17
optimism|op|Optimism|op-optimism|OP-USD|0.31|2022-05-31
fetch-ai|fet|Artificial Superintelligence Alliance|fet-fetch-ai|FET-USD|0.26|2019-03-02
injective-protocol|inj|Injective|inj-injective-protocol|INJ-USD|5.6|2020-10-21
nexo|nexo|NEXO|nexo-nexo|NEXO-USD|0.95|2018-05-01
blockstack|stx|Stacks|stx-stacks|STX4847-USD|0.31|2019-10-28
curve-dao-token|crv|Curve DAO|crv-curve-dao-token|CRV-USD|0.4|2020-08-14
celestia|tia|Celestia|tia-celestia|TIA22861-USD|0.62|2023-10-31
lido-dao|ldo|Lido DAO|ldo-lido-dao|LDO-USD|0.65|2021-01-05
immutable-x|imx|Immutable|imx-immutable-x|IMX10603-USD|0.31|2021-04-15
sonic-3|s|Sonic|s-sonic|S32684-USD|0.11|2025-01-16
the-graph|grt|The Graph|grt-the-graph|GRT6719-USD|0.05|2020-12-17
story-2|ip|Story|ip-story|IP-USD|2.6|2025-02-13
floki|floki|FLOKI|floki-floki-inu|FLOKI-USD|0.000046|2021-08-06
pyth-network|pyth|Pyth Network|pyth-pyth-network|PYTH-USD|0.076|2023-11-20
bitcoin-cash-sv|bsv|Bitcoin SV|bsv-bitcoin-sv|BSV-USD|20.5|2018-11-09
iota|iota|IOTA|miota-iota|IOTA-USD|0.1|2017-11-09
kaia|kaia|Kaia|kaia-kaia|KAIA-USD|0.072|2024-10-31
dogwifcoin|wif|dogwifhat|wif-dogwifhat|WIF-USD|0.37|2023-12-18
pendle|pendle|Pendle|pendle-pendle|PENDLE-USD|2.4|2021-04-29
tezos|xtz|Tezos|xtz-tezos|XTZ-USD|0.52|2017-11-09
starknet|strk|Starknet|strk-starknet|STRK22691-USD|0.16|2024-02-20
ethereum-name-service|ens|Ethereum Name Service|ens-ethereum-name-service|ENS-USD|11.3|2021-11-09
theta-token|theta|Theta Network|theta-theta-token|THETA-USD|0.36|2018-01-17
raydium|ray|Raydium|ray-raydium|RAY-USD|1.15|2021-02-21
helium|hnt|Helium|hnt-helium|HNT-USD|2.1|2020-06-10
the-sandbox|sand|The Sandbox|sand-the-sandbox|SAND-USD|0.16|2020-08-14
decentraland|mana|Decentraland|mana-decentraland|MANA-USD|0.17|2017-11-09
havven|snx|Synthetix|snx-synthetix-network-token|SNX-USD|0.55|2018-03-14
gala|gala|GALA|gala-gala|GALA-USD|0.0073|2020-09-16
axie-infinity|axs|Axie Infinity|axs-axie-infinity|AXS-USD|0.96|2020-11-04
flow|flow|Flow|flow-flow|FLOW-USD|0.22|2021-01-27
neo|neo|NEO|neo-neo|NEO-USD|4.2|2017-11-09
multiversx|egld|MultiversX|egld-elrond|EGLD-USD|8.1|2020-09-04
eos|eos|EOS|eos-eos|EOS-USD|0.24|2017-11-09
dash|dash|Dash|dash-dash|DASH-USD|58|2014-09-17
compound-governance-token|comp|Compound|comp-compoundd|COMP5692-USD|33|2020-06-17
chiliz|chz|Chiliz|chz-chiliz|CHZ-USD|0.029|2019-07-02
arweave|ar|Arweave|ar-arweave|AR-USD|4|2020-05-31
thorchain|rune|THORChain|rune-thorchain|RUNE-USD|0.68|2019-07-23
true-usd|tusd|TrueUSD|tusd-trueusd|TUSD-USD|1|2018-04-04
frax-share|fxs|Frax Share|fxs-frax-share|FXS-USD|0.8|2020-12-20
kusama|ksm|Kusama|ksm-kusama|KSM-USD|8.2|2019-12-12
basic-attention-token|bat|Basic Attention|bat-basic-attention-token|BAT-USD|0.23|2017-11-09
zilliqa|zil|Zilliqa|zil-zilliqa|ZIL-USD|0.0055|2018-01-25
qtum|qtum|Qtum|qtum-qtum|QTUM-USD|1.5|2017-11-09
mina-protocol|mina|Mina Protocol|mina-mina-protocol|MINA-USD|0.088|2021-04-11
terra-luna|lunc|Terra Luna Classic|luna-terra|LUNC-USD|0.00003|2019-07-26
yearn-finance|yfi|yearn.finance|yfi-yearnfinance|YFI-USD|3900|2020-07-18
gemini-dollar|gusd|Gemini Dollar|gusd-gemini-dollar|GUSD-USD|1|2018-10-09
enjincoin|enj|Enjin Coin|enj-enjin-coin|ENJ-USD|0.031|2017-11-09
nem|xem|NEM|xem-nem|XEM-USD|0.0012|2015-04-01
0x|zrx|0x Protocol|zrx-0x|ZRX-USD|0.15|2017-11-09
""".strip()

STABLECOINS = frozenset({"tether", "usd-coin", "ethena-usde", "dai", "paypal-usd", "true-usd", "gemini-dollar"})
"""Coins that stay near one dollar."""

PEGGED_TO_BITCOIN = frozenset({"wrapped-bitcoin"})
"""Coins that move as bitcoin does."""

OTHER_NAMES = {
    "binancecoin": "Binance Coin",
    "usd-coin": "USD Coin",
    "polygon-ecosystem-token": "Polygon Ecosystem Token",
    "kucoin-shares": "KuCoin Token",
    "gatechain-token": "GateToken",
    "fetch-ai": "Fetch.ai",
    "curve-dao-token": "Curve DAO Token",
    "basic-attention-token": "Basic Attention Token",
}
"""CoinPaprika's names where they differ."""

OLDER_THAN_YAHOO = {
    "bitcoin": "2013-04-28",
    "litecoin": "2013-04-28",
    "ripple": "2013-08-04",
    "dogecoin": "2013-12-15",
}
"""Coins that the other vendors know from before Yahoo's first bar."""
