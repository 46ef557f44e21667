"""Running the SQL of `sql/` over slices of the lake. What is asked is a `Query`; how it runs is an engine's affair."""

from crypto_platform.engine.duckdb_engine import DuckDBEngine
from crypto_platform.engine.folding import Making, making
from crypto_platform.engine.query import EngineError, Query
from crypto_platform.engine.rules import Rule, rules_of

__all__ = ["DuckDBEngine", "EngineError", "Making", "Query", "Rule", "making", "rules_of"]
