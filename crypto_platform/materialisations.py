"""What Dagster is told of each partition that was made: its figures, and where there is only one, its first rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import dagster as dg

from crypto_platform.lake import Lake, Promotion, Rejection
from crypto_platform.projection import Projected
from crypto_platform.tables import WHOLE, Partition, Table, Type

_PREVIEW_ROWS = 10

Figures = dict[Partition, dict[str, Any]]
"""What is told of each partition in its materialisation."""


def report(
    context: dg.OutputContext,
    lake: Lake,
    table: Table,
    asked: Collection[Partition],
    promotions: Sequence[Promotion],
    projected: Projected,
) -> Figures:
    """Attach each partition's figures to its materialisation; a preview where there is only one."""
    figures: Figures = {}
    for promotion in promotions:
        metadata: dict[str, Any] = {
            "dagster/partition_row_count": promotion.rows,
            "dagster/uri": lake.store.uri(promotion.key),
            "bytes": promotion.bytes,
            "changed": promotion.changed,
        }
        if promotion.sha256:
            metadata["sha256"] = promotion.sha256
        if len(promotions) == 1:
            metadata |= {
                "preview": dg.MetadataValue.md(_preview(lake, table, promotion.key)),
                "rows_written_to_the_warehouse": projected.written,
                "rows_deleted_from_the_warehouse": projected.deleted,
            }
        partition = None if promotion.partition == WHOLE else promotion.partition.key
        if partition is None:
            metadata["dagster/row_count"] = metadata.pop("dagster/partition_row_count")
        figures[promotion.partition] = metadata
        if promotion.partition in asked:
            context.step_context.add_asset_metadata(metadata, partition_key=partition)
        else:
            # A vendor may give more days than it was asked for.
            context.log_event(dg.AssetMaterialization(context.asset_key, partition=partition, metadata=metadata))
    return figures


def refuse(context: dg.OutputContext, figures: Figures, rejections: Sequence[Rejection]) -> None:
    """Record the partitions that went through, then fail naming those that kept their old version."""
    for partition, metadata in figures.items():
        context.log_event(dg.AssetMaterialization(context.asset_key, partition=partition.key, metadata=dict(metadata)))
    told = "; ".join(f"{rejection.partition.key} ({' '.join(rejection.reasons)})" for rejection in rejections)
    total = len(rejections) + len(figures)
    raise dg.Failure(
        f"{context.asset_key.to_user_string()}: {len(rejections)} of {total} partitions "
        f"break their rules and keep their old version: {told}",
        allow_retries=False,
    )


def _preview(lake: Lake, table: Table, key: str) -> str:
    with lake.open_parquet(key) as file:
        batch = next(file.iter_batches(batch_size=_PREVIEW_ROWS), None)
    rows = batch.to_pylist() if batch is not None else []
    names = table.column_names
    quoted = {column.name for column in table.columns if column.type is Type.JSON}
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    lines += ["| " + " | ".join(_cell(row[name], quoted=name in quoted) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: object, *, quoted: bool = False) -> str:
    text = "" if value is None else str(value)
    text = (text if len(text) <= 80 else text[:79] + "…").replace("|", "\\|").replace("\n", " ")
    return f"`{text.replace('`', ' ')}`" if quoted and text else text
