"""What somebody sees in Dagster's UI on a small home, and what they can launch from there."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from running_up import RunningUp, until

pytestmark = pytest.mark.browser

GROUPS = {
    "raw": ["raw_snapshots/coingecko", "raw_history/yahoo"],
    "bronze": ["bronze_markets/coingecko", "quarantine/coingecko"],
    "silver": ["silver_daily_metrics/coingecko"],
    "historic": ["historic_prices/yahoo", "historic_quarantine/yahoo"],
    "identity": ["crosswalk"],
    "gold": ["unified_prices", "unified_view"],
}

TODAY = datetime.now(UTC).date()
BACKFILLS = {
    "historic_prices/yahoo": ["2024-01", "2024-02", "2024-03", "2024-04", "2024-05", "2024-06"],
    "bronze_markets/coingecko": [(TODAY - timedelta(days=1)).isoformat(), TODAY.isoformat()],
}

_AUTOMATION = (
    "{ repositoriesOrError { ... on RepositoryConnection { nodes { schedules { name } sensors { name } } } } }"
)
_BACKFILL = """mutation Backfill($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
_BACKFILLED = """query Backfilled($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill {
    status runs(limit: 50) { runId status tags { key value } } } } }"""
_LAUNCH = """mutation Launch($execution: ExecutionParams!) { launchRun(executionParams: $execution) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""


@pytest.fixture(scope="module", autouse=True)
def backfills(running_ui: RunningUp) -> dict[str, str]:
    """Launched before anything is looked at: the daemon looks for backfills twice a minute only."""
    launched = {}
    for asset, partitions in BACKFILLS.items():
        params = {"assetSelection": [{"path": asset.split("/")}], "partitionNames": partitions}
        told = running_ui.graphql(_BACKFILL, params=params)["launchPartitionBackfill"]
        assert told["__typename"] == "LaunchBackfillSuccess", told
        launched[asset] = told["backfillId"]
    return launched


def test_the_asset_graph_shows_every_group_and_its_assets(page: Page) -> None:
    page.goto("/asset-groups")
    for group in GROUPS:
        expect(page.get_by_text(group, exact=True).first).to_be_visible()
    for group, assets in GROUPS.items():
        page.goto(f"/locations/crypto_platform/asset-groups/{group}/list")
        for asset in assets:
            expect(page.locator(f'a[href$="/assets/{asset}"]').first).to_be_visible()


@pytest.mark.parametrize(
    ("asset", "at_least", "newest"),
    [("bronze_markets/coingecko", 1, "%Y-%m-%d"), ("historic_prices/yahoo", 147, "%Y-%m")],
)
def test_partitions_are_shown_as_materialised(page: Page, asset: str, at_least: int, newest: str) -> None:
    page.goto(f"/assets/{asset}?view=partitions")
    label = page.get_by_text(re.compile(r"^Materialized \(\d+\)$"))
    expect(label).to_be_visible()
    expect(label).not_to_have_text("Materialized (0)")
    assert int(re.sub(r"\D", "", label.inner_text())) >= at_least
    expect(page.get_by_text(TODAY.strftime(newest), exact=True).first).to_be_visible()


def test_a_materialisation_shows_its_rows_and_a_preview(page: Page) -> None:
    page.goto("/assets/raw_snapshots/coingecko?view=events")
    row_count = page.get_by_role("row").filter(has_text="dagster/partition_row_count")
    expect(row_count).to_contain_text("15")
    page.get_by_text("[Show Markdown]").click()
    preview = page.get_by_role("dialog").get_by_role("table")
    for heading in ("source", "fetched_at", "payload"):
        expect(preview.get_by_role("columnheader", name=heading, exact=True)).to_be_visible()
    expect(preview.get_by_role("row")).to_have_count(11)  # ten rows under a heading


def test_an_asset_shows_its_columns(page: Page) -> None:
    page.goto("/assets/bronze_markets/coingecko?view=overview")
    for text in ("price_usd", "double precision", "Price in USD.", "bronze.markets", "DuckDB", "Postgres"):
        expect(page.get_by_text(text, exact=True).first).to_be_visible()


def test_asset_checks_show_how_they_came_out(page: Page) -> None:
    page.goto("/assets/bronze_markets/coingecko?view=checks")
    for rule in ("key_is_unique", "prices_are_positive", "required_columns_are_filled"):
        expect(page.get_by_text(rule, exact=True).first).to_be_visible()
    expect(page.get_by_text("Succeeded", exact=True).first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Skipped", exact=True)).to_have_count(0)


def test_schedules_and_the_sensor_are_on(running_ui: RunningUp, page: Page) -> None:
    told = running_ui.graphql(_AUTOMATION)["repositoriesOrError"]["nodes"][0]
    names = [each["name"] for each in (*told["schedules"], *told["sensors"])]
    page.goto("/automation")
    for name in ("snapshot_coingecko", "refresh_gold"):
        assert name in names
        expect(page.get_by_text(name, exact=True)).to_be_visible()
    expect(page.locator("input[type=checkbox]:checked")).to_have_count(len(names))


@pytest.mark.parametrize("asset", list(BACKFILLS))
def test_a_backfill_launched_from_the_ui_is_one_run(
    running_ui: RunningUp, backfills: dict[str, str], page: Page, asset: str
) -> None:
    def backfill() -> dict[str, Any]:
        told: dict[str, Any] = running_ui.graphql(_BACKFILLED, id=backfills[asset])["partitionBackfillOrError"]
        return told

    until(lambda: backfill()["status"].startswith("COMPLETED"), "the backfill ends", tell=backfill)
    assert backfill()["status"] == "COMPLETED_SUCCESS"
    (run,) = backfill()["runs"]
    assert run["status"] == "SUCCESS"
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    assert tags["dagster/asset_partition_range_start"] == BACKFILLS[asset][0]
    assert tags["dagster/asset_partition_range_end"] == BACKFILLS[asset][-1]
    page.goto(f"/runs/b/{backfills[asset]}?tab=runs")
    expect(page.get_by_text(run["runId"][:8]).first).to_be_visible()
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()


def test_a_snapshot_of_a_past_date_fails_with_a_sentence(running_ui: RunningUp, page: Page) -> None:
    past = (TODAY - timedelta(days=40)).isoformat()
    execution = {
        "selector": {
            "repositoryLocationName": "crypto_platform",
            "repositoryName": "__repository__",
            "jobName": "snapshot_coingecko",
        },
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": past}]},
    }
    launched = running_ui.graphql(_LAUNCH, execution=execution)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run = launched["run"]["runId"]

    def status() -> str:
        return str(next(each["status"] for each in running_ui.runs() if each["runId"] == run))

    until(lambda: status() in ("FAILURE", "SUCCESS"), "the run ends", tell=status)
    assert status() == "FAILURE"
    page.goto(f"/runs/{run}")
    expect(
        page.get_by_text(re.compile(rf"A live snapshot can only be taken now.*not for {past}")).first
    ).to_be_visible()
