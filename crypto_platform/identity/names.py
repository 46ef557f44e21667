"""When two names are one name. What is compared of a ticker and of a name, and which names prove nothing."""

from __future__ import annotations

import re
import unicodedata

_NOT_A_LETTER = re.compile(r"[\W_]+")
_TOKEN = re.compile(r"[\W_]token[\W_]*$")
_STANDS_IN = re.compile(
    r"\b(wrapped|bridged|pegged)\b"
    r"|-peg\b"
    r"|[(\[][^)\]]*(bridge|wormhole|portal|chainport|sollet|multichain|anyswap)[^)\]]*[)\]]"
)


def ticker(symbol: str | None) -> str:
    """A symbol without regard to case; its other signs are part of it, `$pepe` is not `pepe`."""
    return (symbol or "").strip().casefold()


def squeezed(name: str | None) -> str:
    """A name without regard to case, accents, punctuation and blanks."""
    return _NOT_A_LETTER.sub("", _folded(name))


def without_token(name: str | None) -> str:
    """The same without a last word "token", which CoinGecko leaves off and CoinPaprika keeps.

    No other word may go: "coin", "finance", "network" or "protocol" are the whole difference between coins that share
    a ticker within one vendor's list about as often as they are a vendor's habit.
    """
    folded = _folded(name)
    return _NOT_A_LETTER.sub("", _TOKEN.sub("", folded)) or _NOT_A_LETTER.sub("", folded)


def stands_in(name: str | None) -> bool:
    """Whether a name says that the coin stands for another one on a foreign chain.

    Several bridges issue such coins under one ticker and one name, and each vendor lists some of them, so the name
    does not say which. "Staked" is not among the words: a receipt for staked coins has one issuer, whom its name tells.
    A bridge counts in brackets only, because projects are called Bridge and Wormhole too.
    """
    return bool(_STANDS_IN.search((name or "").casefold()))


def _folded(name: str | None) -> str:
    if not name:
        return ""
    if name.isascii():
        return name.casefold()
    parts = unicodedata.normalize("NFKD", name.casefold())
    return "".join(sign for sign in parts if not unicodedata.combining(sign))
