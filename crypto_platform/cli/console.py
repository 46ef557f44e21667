"""What the commands print with: one console, tables, bars, JSON, and errors as one sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TypeVar

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

_FILE_WIDTH = 240
"""Wide enough that nothing is folded where the reader is a file or a pipe."""

_NEVER_BROKEN = 20
"""Signs; what is this short, like a date or a number, stays on one line."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else _FILE_WIDTH)
err = Console(stderr=True, highlight=False)

P = ParamSpec("P")
R = TypeVar("R")


class UserError(click.ClickException):
    """Something the person can put right; shown as its sentence alone."""

    def show(self, file: Any = None) -> None:  # noqa: ARG002
        err.print(f"[bold red]Error:[/] {_escaped(self.message)}", soft_wrap=True)


def fail(sentence: str) -> NoReturn:
    raise UserError(sentence)


def agree(question: str, *, yes: bool) -> None:
    """Go on only if the person says so; where nobody can be asked, `--yes` has to have said it."""
    if yes:
        return
    if not on_a_terminal():
        fail("Nobody can be asked whether to go on, as this is no terminal; add --yes. Nothing was done.")
    if not click.confirm(question, err=True):
        fail("Nothing was done.")


def on_a_terminal() -> bool:
    return sys.stdin.isatty()


def sentences(command: Callable[P, R]) -> Callable[P, R]:
    """Turn the platform's own errors into one sentence and exit code 1."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except Exception as error:
            if _is_ours(error):
                raise UserError(" ".join(str(error).split())) from error
            raise

    return wrapped


def _is_ours(error: Exception) -> bool:
    """The platform's errors carry sentences meant for people; anything else is a defect and shows its trace."""
    from crypto_platform.home import HomeError
    from crypto_platform.settings import SettingsError

    if isinstance(error, (HomeError, SettingsError)):
        return True
    return any(base.__module__.startswith("crypto_platform.") for base in type(error).__mro__)


def _escaped(text: str) -> str:
    return text.replace("[", "\\[")


def print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, default=plain, ensure_ascii=False, indent=2) + "\n")


def plain(value: object) -> object:
    """A value as JSON can carry it."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def flat(value: object) -> object:
    """A value as a cell of CSV or SQLite can carry it."""
    if isinstance(value, list):
        return json.dumps(value, default=plain, ensure_ascii=False)
    return plain(value) if isinstance(value, (date, datetime, Decimal)) else value


def table(title: str | None, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table for people: numbers to the right, nothing where there is nothing.

    One that is too wide for the terminal is told row by row; nothing short is ever broken or cut.
    """
    shown = [[cell(value) for value in row] for row in rows]
    short = [all(len(row[index]) <= _NEVER_BROKEN for row in shown) for index in range(len(columns))]
    widths = [
        max([len(name), *(len(row[index]) if short[index] else _NEVER_BROKEN for row in shown)])
        for index, name in enumerate(columns)
    ]
    if sum(widths) + 2 * len(widths) > out.width:
        _row_by_row(title, columns, shown)
        return
    grid = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = any(isinstance(row[index], (int, float)) for row in rows)
        grid.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=short[index])
    for row in shown:
        grid.add_row(*row)
    out.print(grid)


def _row_by_row(title: str | None, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if title:
        out.print(f"[bold]{title}[/]")
    for row in rows:
        grid = Table(box=None, pad_edge=False, show_header=False)
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in zip(columns, row, strict=True):
            if value:
                grid.add_row(name, value)
        out.print(grid)
        out.print()


def cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1_000_000 else f"{value:,.0f}"
    return _escaped(str(value))


@contextmanager
def bars(whats: Mapping[str, str], *, quiet: bool = False) -> Iterator[dict[str, Callable[[int, int | None], None]]]:
    """A progress bar for each of some things that go on at once; yields what to tell, by their names."""
    with _progress(quiet=quiet) as progress:
        tasks = {name: progress.add_task(what, total=None) for name, what in whats.items()}

        def teller(task: TaskID) -> Callable[[int, int | None], None]:
            return lambda done, of: progress.update(task, completed=done, total=of)

        yield {name: teller(task) for name, task in tasks.items()}


def _progress(*, quiet: bool) -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=False),
    )
    return Progress(*columns, console=err, disable=quiet, transient=not err.is_terminal)


@contextmanager
def bar(what: str, total: int | None, *, quiet: bool = False) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on standard error; yields a function told how many are done, of how many."""
    with _progress(quiet=quiet) as progress:
        task = progress.add_task(what, total=total)

        def told(done: int, of: int | None) -> None:
            progress.update(task, completed=done, total=of if of is not None else total)

        yield told
