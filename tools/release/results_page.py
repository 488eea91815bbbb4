"""Writes the tables of docs/background/results.md from results.json beside it.

    python -m tools.release.results_page
    python -m tools.release.results_page mfr2-verification=out.json closed-set=out.json

The second first takes the figures of these tables from what their command printed with
`--json` (for `evaluate` also its report.json). Rows and columns that no command
fills are written by hand in the JSON; tests/test_pages.py checks that the sentences of
README and docs have no other figures than the tables.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import click

from masking.files.writing import write_bytes
from tools.release.result_figures import TAKEN, Cell, Rows

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "background" / "results.md"
FIGURES = PAGE.with_suffix(".json")
# Instead of a number of decimals: three digits of small numbers, no more of large ones.
ABOUT = -1


@dataclass
class Table:
    """A table of the page.

    Attributes:
        measured, commit: when, and of what; commit "" = not known.
        command: as in the page's block of code, or two for two parts of the rows.
        labels: how many cells of a row, the first ones, say what it is.
        rows: text is shown as it is, null as nothing, and of three numbers the last
            two as an interval.
        decimals: of a column's numbers; 3 where it is not named.
        best: columns in which the largest is bold among rows that share all labels
            but the last; ["row"] = the largest of each row.
    """

    measured: str
    commit: str
    command: list[str]
    labels: int
    columns: list[str]
    rows: list[list[Cell]]
    decimals: dict[str, int] = field(default_factory=dict)
    best: list[str] = field(default_factory=list)

    def label(self, row: Sequence[Cell]) -> tuple[str, ...]:
        """What names a row."""
        return tuple(str(cell) for cell in row[: self.labels])

    def take(self, figures: Rows) -> int:
        """Put figures in their cells; gives how many were.

        Raises:
            ValueError: none of the figures has a cell.
        """
        rows = {self.label(row): row for row in self.rows}
        count = 0
        for label, cells in figures.items():
            for column in [name for name in self.columns if name in cells]:
                if label in rows:
                    place = self.columns.index(column)
                    rows[label][place] = self._rounded(cells[column], column)
                    count += 1
        if not count:
            raise ValueError(f"none of {list(figures)} is in {list(rows)}")
        return count

    def _rounded(self, cell: Cell, column: str) -> Cell:
        digits = self.decimals.get(column, 3)
        digits = 4 if digits == ABOUT else digits
        if isinstance(cell, float):
            return round(cell, digits)
        if isinstance(cell, list):
            return [round(value, digits) for value in cell]
        return cell

    def text(self) -> str:
        """As Markdown."""
        shown = [
            [
                _bold(text) if self._is_best(row, place) else text
                for place, text in enumerate(self._texts(row))
            ]
            for row in self.rows
        ]
        lines = [self.columns, ["---"] * len(self.columns), *shown]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)

    def _texts(self, row: Sequence[Cell]) -> list[str]:
        return [
            shown(cell, self.decimals.get(column, 3))
            for cell, column in zip(row, self.columns, strict=True)
        ]

    def _is_best(self, row: Sequence[Cell], place: int) -> bool:
        own = _value(row[place])
        if own is None or place < self.labels:
            return False
        if self.best == ["row"]:
            others = [*row[self.labels : place], *row[place + 1 :]]
        elif self.columns[place] in self.best:
            group = self.label(row)[:-1]
            like = [one for one in self.rows if self.label(one)[:-1] == group]
            others = [one[place] for one in like if one is not row]
        else:
            return False
        values = [value for cell in others if (value := _value(cell)) is not None]
        return bool(values) and own > max(values)


def _value(cell: Cell) -> float | None:
    if isinstance(cell, list):
        return cell[0]
    return cell if isinstance(cell, float) else None


def _bold(text: str) -> str:
    value, space, rest = text.partition(" ")
    return f"**{value}**{space}{rest}"


def shown(cell: Cell, decimals: int = 3) -> str:
    """A cell's text: .984 [.974 .993], and 0 for exactly that."""
    if cell is None:
        return ""
    if isinstance(cell, list):
        value, *around = (shown(part, decimals) for part in cell)
        return f"{value} [{' '.join(around)}]"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or cell == 0:
        return f"{cell:,.0f}"
    if decimals == ABOUT:
        decimals = 0 if cell >= 10 else 1 if cell >= 1 else 2
    return re.sub(r"^(-?)0\.", r"\1.", f"{cell:,.{decimals}f}")


def read_tables() -> dict[str, Table]:
    """By name, as in the page's comments."""
    tables = json.loads(FIGURES.read_text())["tables"]
    return {name: Table(**record) for name, record in tables.items()}


def write_tables(tables: dict[str, Table]) -> None:
    """Write the JSON, a row a line."""
    lines = ",\n".join(
        f"  {json.dumps(name)}: {_as_json(table)}" for name, table in tables.items()
    )
    write_bytes(FIGURES, f'{{"tables": {{\n{lines}}}}}\n'.encode())


def _as_json(table: Table) -> str:
    record = asdict(table)
    rows = ",\n    ".join(json.dumps(row) for row in record.pop("rows"))
    head = json.dumps(record).removesuffix("}")
    return f'{head},\n   "rows": [\n    {rows}]}}'


def page_with(page: str, tables: dict[str, Table]) -> str:
    """The page with these tables between the comments that name them.

    Raises:
        KeyError: the page names a table that is not there.
    """

    def put(found: re.Match[str]) -> str:
        table = tables[found[1]]
        day = f"Measured on {table.measured}."
        return f"<!-- table: {found[1]} -->\n\n{table.text()}\n\n{day}\n\n<!-- end -->"

    marked = r"<!-- table: ([\w-]+) -->\n.*?<!-- end -->"
    return re.sub(marked, put, page, flags=re.DOTALL)


def take(tables: dict[str, Table], name: str, output: Any) -> int:
    """Figures that the command of a table printed; gives how many cells they fill."""
    table = tables[name]
    count = table.take(TAKEN[name](output))
    table.measured, table.commit = date.today().isoformat(), commit_now()
    return count


def commit_now() -> str:
    """The commit that is measured; "-dirty" where anything but the results differs."""

    def git(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)

    code = [".", ":!docs/background/results.*"]
    differs = git("diff", "--quiet", "HEAD", "--", *code).returncode != 0
    return git("describe", "--always").stdout.strip() + "-dirty" * differs


def write_page(tables: dict[str, Table]) -> None:
    """Write JSON and page."""
    write_tables(tables)
    write_bytes(PAGE, page_with(PAGE.read_text(), tables).encode())


@click.command()
@click.argument("taken", metavar="[TABLE=FILE]...", nargs=-1)
def main(taken: tuple[str, ...]) -> None:
    """Write the tables anew, some of them with the figures in FILE."""
    tables = read_tables()
    for one in taken:
        name, _, path = one.partition("=")
        if name not in tables or name not in TAKEN:
            raise click.BadParameter(f"{name}: expected one of {', '.join(TAKEN)}")
        count = take(tables, name, json.loads(Path(path).read_text()))
        click.echo(f"{name}: {count} figures from {path}")
    write_page(tables)


if __name__ == "__main__":
    main()
