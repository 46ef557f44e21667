"""Where a PostgreSQL is, as people spell it: the URL's dialects, and the settings that fill in what it lacks."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from pydantic import SecretStr

from crypto_platform.warehouse.errors import WarehouseError

_PLACE = re.compile(r"^(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>\d*))?$")  # urlsplit's own would lower a folder's case
_SCHEMES = ("postgres", "postgresql")
_RENAMED = {"ssl": "sslmode"}  # asyncpg's name for libpq's


class Address:
    """A server, a database and who asks, as libpq's parameters. Shown without the password."""

    def __init__(self, parameters: dict[str, str]) -> None:
        self._parameters = parameters

    @classmethod
    def parse(
        cls, url: str, user: str | None = None, password: SecretStr | None = None, database: str | None = None
    ) -> Address:
        """Read a URL of any driver's spelling; the other arguments fill what it does not say."""
        try:
            parts = urlsplit(url)
            if parts.scheme.partition("+")[0] not in _SCHEMES:
                raise ValueError("it does not begin with postgresql://")
            if (place := _PLACE.match(parts.netloc.rpartition("@")[2])) is None:
                raise ValueError("its host is not readable")
            given = {
                "user": unquote(parts.username or ""),
                "password": unquote(parts.password or ""),
                "host": unquote(place["host"].strip("[]")),
                "port": place["port"] or "",
                "dbname": unquote(parts.path.lstrip("/")),
            }
            given |= {_RENAMED.get(name, name): value for name, value in parse_qsl(parts.query)}
        except ValueError as error:
            # Not the URL, and not the cause either: both can hold the password.
            reason = "it does not begin with postgresql://" if "://" in str(error) else "it is not a valid URL"
            raise WarehouseError(f"CRYPTO_WAREHOUSE cannot be used: {reason}.") from None
        filling = {
            "user": user,
            "password": password.get_secret_value() if password else None,
            "dbname": database,
        }
        for name, value in filling.items():
            given[name] = given[name] or value or ""
        given["dbname"] = given["dbname"] or "crypto"
        return cls({name: value for name, value in given.items() if value})

    @property
    def parameters(self) -> dict[str, str]:
        return dict(self._parameters)

    def url(self, scheme: str = "postgresql", database: str | None = None) -> str:
        rest = self.parameters
        user, password = rest.pop("user", ""), rest.pop("password", "")
        host, port = rest.pop("host", ""), rest.pop("port", "")
        name = rest.pop("dbname")
        if host.startswith("/"):  # a socket's folder is no host name
            rest |= {"host": host} | ({"port": port} if port else {})
            host = port = ""
        account = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
        query = f"?{urlencode(rest, quote_via=quote, safe='')}" if rest else ""
        return f"{scheme}://{account}{'@' if account else ''}{place}/{quote(database or name, safe='')}{query}"

    def hide(self, text: str) -> str:
        """`text` without the password, should it hold it."""
        password = self._parameters.get("password")
        return text.replace(password, "***") if password else text

    def __str__(self) -> str:
        shown = self._parameters
        place = shown.get("host", "localhost") + (f":{shown['port']}" if "port" in shown else "")
        return f"{place}/{shown['dbname']}"

    __repr__ = __str__
