"""Writes the hashes of the models that ship, after one of them was made again.

python -m tools.release.hash_models
"""

from __future__ import annotations

from pathlib import Path

from masking.files.model_files import write_table

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [ROOT / name / "models" for name in ("masking", "training", "index")]

if __name__ == "__main__":
    for folder in FOLDERS:
        write_table(folder)
