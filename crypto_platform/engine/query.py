"""A question in SQL and what its names stand for; nothing here runs it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache

import pyarrow as pa

from crypto_platform.lake import LakeSlice
from crypto_platform.shipped import shipped_path


class EngineError(Exception):
    """The SQL could not be run; the sentence says why."""


@cache
def _sql_files() -> dict[str, str]:
    """Every transformation by its name: `sql/silver/silver_daily_metrics.sql` is `silver_daily_metrics`."""
    root = shipped_path("sql")
    folders = ("files", "bronze", "silver", "historic", "identity", "gold", "reports")
    return {path.stem: path.read_text() for folder in folders for path in sorted((root / folder).glob("*.sql"))}


class Query:
    """The SQL file of a name, the relations its table names stand for, and its scalar parameters.

    An input is a slice of the lake, another query, or rows already at hand. Parameters reach the SQL as the columns
    of a one-row relation `parameters`, so that no value is ever formatted into SQL.

    A query that `adds_to` a name reads under it rows that it gave before. It promises that a partition is made of the
    same partition of its inputs alone, and that objects added one by one give the rows that all of them give at once.
    What it gives is all rows then, or, `by_key`, those that are new or take the place of one with the same key.
    """

    def __init__(
        self,
        name: str,
        *,
        parameters: Mapping[str, str | int | float] | None = None,
        adds_to: str | None = None,
        by_key: bool = False,
        **inputs: LakeSlice | Query | pa.Table,
    ) -> None:
        self.name = name
        self.adds_to = adds_to
        self.by_key = by_key
        self.inputs: dict[str, LakeSlice | Query | pa.Table] = dict(inputs)
        self._parameters = dict(parameters or {})

    @property
    def sql(self) -> str:
        try:
            return _sql_files()[self.name]
        except KeyError:
            raise EngineError(f"No file {self.name}.sql is under sql/.") from None

    @property
    def parameters(self) -> dict[str, str | int | float]:
        """The parameters of the query and of those inside it."""
        inner = [given.parameters for given in self.inputs.values() if isinstance(given, Query)]
        return {key: value for some in (*inner, self._parameters) for key, value in some.items()}

    @property
    def code(self) -> str:
        """All that decides on the rows beside the inputs: the SQL of the query and of those inside it, the values."""
        inner = {name: given.code for name, given in sorted(self.inputs.items()) if isinstance(given, Query)}
        return repr((self.name, self.sql, self.adds_to, self.by_key, sorted(self._parameters.items()), inner))

    def with_slices(self, again: Callable[[LakeSlice], LakeSlice]) -> Query:
        """The same query over other slices."""
        inputs: dict[str, LakeSlice | Query | pa.Table] = {}
        for name, given in self.inputs.items():
            if isinstance(given, LakeSlice):
                inputs[name] = again(given)
            else:
                inputs[name] = given.with_slices(again) if isinstance(given, Query) else given
        return Query(self.name, parameters=self._parameters, adds_to=self.adds_to, by_key=self.by_key, **inputs)

    def onto(self, earlier: LakeSlice | pa.Table, objects: Collection[str]) -> Query:
        """The same query over no more than these objects of its slices, added to rows that the others gave."""
        if self.adds_to is None:
            raise EngineError(f"{self.name} cannot be added to rows that it gave before.")
        query = self.with_slices(lambda part: part.only(objects))
        query.inputs[self.adds_to] = earlier
        return query

    def slices(self) -> list[LakeSlice]:
        """Every slice of the lake the query reads, those of its inner queries included."""
        found: list[LakeSlice] = []
        for given in self.inputs.values():
            if isinstance(given, LakeSlice):
                found.append(given)
            elif isinstance(given, Query):
                found += given.slices()
        return found
