"""What the documents say of settings, commands, targets and files is what there is; the generated ones are current."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import click
import pytest

from crypto_platform.cli import main
from crypto_platform.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
GENERATE = runpy.run_path(str(ROOT / "docs" / "generate.py"))
EXAMPLE = (ROOT / ".env.example").read_text("utf-8")
WRITTEN = ("README.md", "docs/architecture.md")
SET_FOR_PROCESSES = {"CRYPTO_CODE_HOST", "CRYPTO_CODE_PORT", "CRYPTO_DAGSTER_URL", "CRYPTO_DAGSTER_LOGS"}
"""Variables that the platform sets for the processes it starts; no settings."""


def names_of_settings() -> set[str]:
    fields = Settings.model_fields.items()
    return {name for field, info in fields for name in GENERATE["environment_names"](field, info)}


@pytest.mark.parametrize("path", GENERATE["FILES"])
def test_a_generated_file_is_what_would_be_written_now(path: str) -> None:
    assert (ROOT / path).read_text("utf-8") == GENERATE["FILES"][path](), "run `make docs`"


def test_the_example_has_every_setting_once_with_a_sentence() -> None:
    lines = EXAMPLE.splitlines()
    for field, info in Settings.model_fields.items():
        name = GENERATE["environment_names"](field, info)[0]
        (place,) = (number for number, line in enumerate(lines) if line.startswith(f"#{name}="))
        assert lines[place - 1].startswith("# "), name
        assert lines[place - 1].endswith("."), name


def test_the_example_invents_no_setting() -> None:
    assert set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE, re.MULTILINE)) <= names_of_settings()


def test_the_example_taken_as_it_is_sets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(EXAMPLE, tmp_path, monkeypatch) == loaded("", tmp_path, monkeypatch)


def test_the_example_with_its_values_taken_gives_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = re.sub(r"^#([A-Z_]+=.)", r"\1", EXAMPLE, flags=re.MULTILINE)
    assert taken != EXAMPLE
    assert loaded(taken, tmp_path, monkeypatch) == loaded("", tmp_path, monkeypatch)


def loaded(env: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    for name in names_of_settings():
        monkeypatch.delenv(name, raising=False)
    file = folder / ".env"
    file.write_text(env)
    return Settings(_env_file=file).model_dump()


@pytest.mark.parametrize("path", WRITTEN)
def test_a_document_names_only_settings_there_are(path: str) -> None:
    named = set(re.findall(r"\bCRYPTO_[A-Z_]+[A-Z]\b", (ROOT / path).read_text("utf-8")))
    assert named - names_of_settings() - SET_FOR_PROCESSES == set()


@pytest.mark.parametrize("path", WRITTEN)
def test_a_document_names_only_commands_there_are(path: str) -> None:
    commands = set(main.list_commands(click.Context(main)))
    text = (ROOT / path).read_text("utf-8")
    assert set(re.findall(r"crypto-platform ([a-z][a-z-]+)", text)) - commands == set()


@pytest.mark.parametrize("path", WRITTEN)
def test_a_document_names_only_targets_there_are(path: str) -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    text = (ROOT / path).read_text("utf-8")
    named = set(re.findall(r"(?:`|^)make ([a-z]+)\b", text, re.MULTILINE))
    assert named - targets == set()


@pytest.mark.parametrize("path", WRITTEN)
def test_a_document_names_only_files_there_are(path: str) -> None:
    text = (ROOT / path).read_text("utf-8")
    named = set(re.findall(r"`((?:crypto_platform|sql|docs|crypto_platform_tests)/[\w./]*\w/?)`", text))
    named |= {link for link in re.findall(r"\]\(([\w./-]+)\)", text) if "://" not in link}
    missing = [
        name for name in named if not (ROOT / name).exists() and not (ROOT / path).parent.joinpath(name).exists()
    ]
    assert missing == []


def test_the_readme_tells_every_target() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert [target for target in targets if f"make {target}" not in readme and target != "help"] == []
