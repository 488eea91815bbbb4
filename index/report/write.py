"""Writes what an evaluation measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from index.evaluation.record import EvaluateReport
from index.evaluation.stage import Evaluation
from index.report.html import report_html
from index.report.plots import report_plots
from index.report.table import report_table
from index.report.worst_sheet import write_private
from masking.files.private_folder import private_folder
from masking.files.strict_json import strict_json
from masking.files.writing import write_bytes

REPORT, PAGE, TABLE = "report.json", "report.html", "table.txt"


@dataclass(frozen=True)
class ReportFolders:
    """Where the results go.

    Attributes:
        report: figures and plots, nothing about one person.
        private: pictures of the worst errors, with names.
    """

    report: Path
    private: Path

    def make(self) -> None:
        """Make them before hours of work, which a full disk would lose.

        Raises:
            OSError: one cannot be made.
        """
        private_folder(self.private)
        self.report.mkdir(parents=True, exist_ok=True)


def write(evaluation: Evaluation, folders: ReportFolders) -> None:
    """Write the figures, and the pictures of the worst errors."""
    write_report(evaluation.report, folders.report)
    write_private(folders.private, evaluation.errors)


def write_report(report: EvaluateReport, out: Path) -> None:
    """Write JSON, page, table and plots into the folder `out`."""
    record = strict_json(report.to_json(), indent=1)
    write_bytes(out / REPORT, record.encode())
    plots = report_plots(report.embedders)
    write_bytes(out / PAGE, report_html(report, plots).encode("utf-8", "replace"))
    table = report_table(report) + "\n"
    write_bytes(out / TABLE, table.encode("utf-8", "backslashreplace"))
    for name, png in plots.items():
        write_bytes(out / name, png)
