"""Makes the asset checks of a table: one op that runs every rule over the partitions of its run."""

from collections.abc import Iterator

import dagster as dg

from crypto_platform.engine import rules_of
from crypto_platform.engine.duckdb_engine import Finding
from crypto_platform.graph import Graph
from crypto_platform.tables import Partition, Table, table_named

_SHOWN_PARTITIONS = 20


def checks_of(graph: Graph, table: Table, source: str | None) -> dg.AssetChecksDefinition:
    """Every rule of a table as a check of its asset."""
    key = graph.key(table, source)
    partitions_def = graph.calendar.of(table)
    rules = {rule.name: rule for rule in rules_of(table)}

    @dg.multi_asset_check(
        name="__".join((*key.path, "checks")),
        specs=[dg.AssetCheckSpec(rule.name, asset=key, description=rule.sentence) for rule in rules.values()],
        can_subset=True,
    )
    def run_rules(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        chosen = [rules[check.name] for check in context.selected_asset_check_keys]
        lake = graph.platform.lake
        partitions = _partitions_of(context.run, partitions_def)
        relations = {table.name: lake.slice(table, source, partitions)}
        for name in {name for rule in chosen for name in rule.tables} - {table.name}:
            relations[name] = lake.beside(table_named(name), partitions)
        for finding in graph.platform.engine.findings(table, chosen, relations):
            yield _result(key, finding)

    return run_rules


def _partitions_of(run: dg.DagsterRun, partitions_def: dg.PartitionsDefinition[str] | None) -> list[Partition] | None:
    """The partitions a run is about; all, where it names none."""
    first = run.tags.get("dagster/asset_partition_range_start", run.tags.get("dagster/partition"))
    last = run.tags.get("dagster/asset_partition_range_end", first)
    if partitions_def is None or first is None or last is None:
        return None
    keys = partitions_def.get_partition_keys_in_range(dg.PartitionKeyRange(first, last))
    return [Partition(key) for key in keys]


def _result(key: dg.AssetKey, finding: Finding) -> dg.AssetCheckResult:
    metadata: dict[str, dg.MetadataValue] = {"rows": dg.MetadataValue.int(finding.rows)}
    if finding.rows:
        shown = ", ".join(finding.partitions[:_SHOWN_PARTITIONS])
        more = len(finding.partitions) - _SHOWN_PARTITIONS
        metadata["partitions"] = dg.MetadataValue.text(shown + (f" and {more} more" if more > 0 else ""))
        first = [{name: str(value) for name, value in row.items()} for row in finding.first]
        metadata["first offenders"] = dg.MetadataValue.json(first)
    return dg.AssetCheckResult(
        passed=finding.rows == 0,
        asset_key=key,
        check_name=finding.rule.name,
        severity=dg.AssetCheckSeverity.ERROR if finding.rule.severity == "error" else dg.AssetCheckSeverity.WARN,
        description=finding.rule.sentence,
        metadata=metadata,
    )
