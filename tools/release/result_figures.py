"""Which figures of a command's JSON stand in which cells of docs/background/results.md.

Each function takes what one command printed with `--json`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Cell = str | int | float | list[float] | None
# Labels of a row, and its cells by column.
Rows = dict[tuple[str, ...], dict[str, Cell]]

# What the people of a gallery are enrolled with; 0 = half of their photos.
_ENROLLED = {
    ("unmasked", 0): "",
    ("masked", 0): " (masked photos)",
    ("unmasked", 1): " (one photo each)",
    ("unmasked", 5): " (five photos each)",
}
_SETS = {"lfw-peopleDevTest": "DevTest", "mfr2-a": "MFR2"}


def _network(name: str) -> str:
    """dlib's untouched network stands beside the one measured."""
    return "dlib" if name == "dlib" else "ours"


def _rate(rate: dict[str, Any]) -> Cell:
    """With its interval, where there is one."""
    found: list[float] = [rate["value"], rate["low"], rate["high"]]
    return found[0] if rate["low"] is None else found


def _shipped(name: str) -> str:
    """Where both networks that ship stand beside dlib's."""
    return name if name in ("dlib", "dlib-masked") else "ours"


def _compared(
    report: dict[str, Any], network: Callable[[str], str] = _network
) -> dict[tuple[str, str], dict[str, Any]]:
    """Sets of pairs by name and network; M-C are those of masked references."""
    found = {}
    for one in report["embedders"]:
        name, _, reference = one["name"].partition(", ")
        for pairs, figures in one["sets"].items():
            if not reference:
                found[pairs, network(name)] = figures
            elif pairs == "M-U" and reference == "masked reference":
                found["M-C", network(name)] = figures
    return found


def verification(report: dict[str, Any]) -> Rows:
    """Of `evaluate`: a row each pairs and network."""
    return {
        label: {
            "TAR at FAR 1%": _rate(one["tar"][0]),
            "TAR at FAR 0.1%": _rate(one["tar"][1]),
            "AUC": one["auc"]["value"],
            "pair accuracy": one["pair_accuracy"]["value"],
            "FAR at the U-U threshold for 1%": one["far_at_plain"][0]["value"],
        }
        for label, one in _compared(report).items()
    }


def closed_set(report: dict[str, Any]) -> Rows:
    """Of `evaluate`: rank-1 and TPIR of one set of people."""
    people = _SETS[report["collection"]]
    first: dict[str, Cell] = {}
    tpir: dict[str, Cell] = {}
    for one in report["embedders"]:
        name, _, reference = one["name"].partition(", ")
        if reference not in ("", "masked reference") or not one["ranks"]:
            continue
        column = f"{_network(name)}, {'M-C' if reference else 'M-U'}"
        first[column] = one["ranks"]["rank1"]["value"]
        tpir[column] = one["ranks"]["tpir"]["value"]
        first["probes"] = tpir["probes"] = one["ranks"]["probes"]
    return {
        (f"{people}: rank-1",): first,
        (f"{people}: TPIR at FPIR 1%, half enrolled",): tpir,
    }


def found(report: dict[str, Any]) -> Rows:
    """Of `evaluate`: faces of one set of people."""
    people = _SETS[report["collection"]]
    rows: Rows = {}
    for kind in ("unmasked", "masked"):
        faces = report[kind]["faces"]
        seen = faces - report[kind]["detectors"].get("", 0)
        cells = {"faces": faces, "found": seen, "fraction": seen / faces}
        rows[people, kind] = cells
    return rows


def lost(report: dict[str, Any]) -> Rows:
    """Of `evaluate --by all`: masked faces of each bin."""
    return {
        (name, one["name"].replace("_", " ")): {
            "faces": one["faces"],
            "M-C": one["mu"]["value"],
        }
        for name, bins in report["by_property"].items()
        for one in bins
    }


def people(report: dict[str, Any]) -> Rows:
    """Of `evaluate`: a row each figure, a column each network."""
    rows: Rows = {}
    for (pairs, network), one in _compared(report, _shipped).items():
        for what, cell in (
            ("TAR at FAR 1%", _rate(one["tar"][0])),
            ("TAR at FAR 0.1%", _rate(one["tar"][1])),
            ("AUC", _rate(one["auc"])),
        ):
            rows.setdefault((f"{pairs}: {what}",), {})[network] = cell
    for embedder in report["embedders"]:
        name, _, reference = embedder["name"].partition(", ")
        if reference == "masked reference" and embedder["ranks"]:
            label = ("masked probes: rank-1 (M-C)",)
            rank = _rate(embedder["ranks"]["rank1"])
            rows.setdefault(label, {})[_shipped(name)] = rank
    return rows


def open_set(rows: list[dict[str, Any]]) -> Rows:
    """Of `open_set`: galleries of each size, and of few or masked photos."""
    return {
        (
            f"{one['gallery']:,}{_ENROLLED[one['enroll'], one['each']]}",
            one["probes"],
            _network(one["network"]),
        ): {
            "rank-1": one["rank_1"],
            "TPIR": one["tpir"],
            "FPIR": one["fpir"],
            "ECE": one["calibration_error"],
        }
        for one in rows
    }


def crowd(rows: list[dict[str, Any]]) -> Rows:
    """Of `open_set --masked-celebrities`: they, in a crowd."""
    return {
        (one["probes"].removesuffix(" stars"), _network(one["network"])): {
            "gallery": one["gallery"],
            "rank-1": one["rank_1"],
            "TPIR": one["tpir"],
            "FPIR": one["fpir"],
        }
        for one in rows
    }


def templates(record: dict[str, Any]) -> Rows:
    """Of `template_quality`: errors when the worst photos are left out."""
    places = {f"{part:.0%}": at for at, part in enumerate(record["rejected"])}
    return {
        (name,): {part: curve[at] for part, at in places.items()}
        for name, curve in record["fnmr"].items()
    }


def five_points(record: dict[str, Any]) -> Rows:
    """Of `five_points`: pairs of one set of people."""
    people = _SETS[record["collection"]]
    return {
        (people, pairs): {way: row[pairs] for way, row in record["tar_1e3"].items()}
        for pairs in ("U-U", "M-U", "M-C", "M-M")
    }


def other_photos(record: dict[str, Any]) -> Rows:
    """Of `calibrate --check`: each folder's unmasked and masked probes."""
    names = {
        "mfr2-a": "MFR2",
        "rmfrd-kept-out": "RMFRD",
        "celeba-kept-out": "CelebA",
    }
    rows: Rows = {}
    for folder in record["folders"]:
        name = folder["folder"].rpartition("/")[2]
        for one in folder["checks"]:
            rows[names.get(name, name), one["probes"]] = {
                "FPIR": _rate(one["fpir"]),
                "TPIR": _rate(one["tpir"]),
                "ECE": one["calibration_error"],
                "ECE by chance": one["error_by_chance"],
                "faces not found": one["not_found"],
            }
    return rows


def old_galleries(rows: list[dict[str, Any]]) -> Rows:
    """Of `old_galleries`."""
    return {
        (
            "masked" if one["masked"] else "unmasked",
            _network(one["gallery"]),
            _network(one["probes"]),
        ): {
            "TAR at FAR 0.1%": one["tar_1e3"],
            "rank-1": one["rank1"],
            "threshold for FAR 1%": one["threshold_1e2"],
            "for FAR 0.1%": one["threshold_1e3"],
            "TAR at .6": one["tar_at_dlibs"],
            "FAR at .6": one["far_at_dlibs"],
        }
        for one in rows
    }


def detection(lines: list[dict[str, Any]]) -> Rows:
    """Of `face_finding`: a row each kind of picture."""
    return {
        (one["name"],): {
            "found": one["found"],
            "of": one["of"],
            "fraction": one["found"] / one["of"] if one["of"] else None,
            "CPU ms": one["ms"],
            "beside dlib's": one["ms"] / one["stock_ms"],
            "note": one["note"],
        }
        for one in lines
    }


def masks(record: dict[str, Any]) -> Rows:
    """Of `masking_quality`: faces in synthetic masks."""
    ours = record["faces"]["ours"]
    low, _, high = ours["sharpness"]
    return {
        (label,): {"ours": cell}
        for label, cell in {
            "rim pixels brighter than mask and skin (should be 0)": ours["bright_rim"],
            "chin landmarks covered": ours["chin"],
            "jaw landmarks covered": ours["jaw"],
            "shading follows the skin (mean correlation)": ours["shading"],
            "sharpness of mask to face (1 = alike), 10th percentile": low,
            "sharpness, 90th percentile": high,
            "found again by stock HOG (real masks of MFR2: .42)": ours["hog_again"],
            "wearing style true of the pixels": ours["style_true"],
            "left/right balance across faces": ours["balance"],
            "strap to ear, fraction of the face's width, mean": ours["strap_gap"],
            "strap to ear, 90th percentile": ours["strap_gap_p90"],
        }.items()
    }


def masks_beside_real(record: dict[str, Any]) -> Rows:
    """Of `masking_quality --real`: beside really masked faces."""
    ours = record["real"]["ours"]
    network = " of the person, dlib's network"
    apart = " real from rendered, people apart (.5 = cannot)"
    two, real, over = (
        ours[f"{name}_distance"] for name in ("unmasked", "real", "over")
    )
    kinds = ours["by_kind"].items()
    return {
        (label,): {"real": first, "rendered": second}
        for label, first, second in (
            (f"distance of two unmasked photos{network}", two, None),
            (
                f"distance to an unmasked photo{network}",
                real,
                ours["rendered_distance"],
            ),
            ("the same, rendered over the real masks", real, over),
            ("difference of these two", None, [over - real, *ours["over_harder"]]),
            ("found by stock HOG", ours["hog_real"], ours["hog_rendered"]),
            (f"AUC of telling{apart}", None, ours["auc"]),
            ("the same, mean of eight draws of masks", None, ours["auc_of_draws"]),
            (
                "AUC of the upper halves, which no mask touches",
                None,
                ours["control_auc"],
            ),
            *((f"AUC of {name} masks", None, auc) for name, auc in kinds),
        )
    }


def masking_speed(rows: list[dict[str, Any]]) -> Rows:
    """Of `masking_speed`."""
    return {
        (one["name"].strip(),): {
            "ours": one["faces_per_second"],
            "beside bare decode and encode": one["ratio"],
        }
        for one in rows
    }


def search(record: dict[str, Any]) -> Rows:
    """Of `search_speed`."""
    rows: Rows = {}
    for one in record["search"]:
        built = re.search(r"built in ([\d.]+) s", one["note"])
        way = "Annoy" if one["way"] == "annoy" else one["way"].removesuffix(" way")
        rows[f"{one['people']:,}", way] = {
            "finds the right person": one["recall"],
            "finds exact search's nearest": one["agrees"],
            "CPU ms": one["ms"],
            "built in, s": float(built[1]) if built else None,
        }
    return rows


def identify_speed(record: dict[str, Any]) -> Rows:
    """Of `identify_speed`: seconds of CPU time a photo."""
    cells: dict[tuple[str, ...], tuple[float, float]] = {
        ("warm",): (record["whole_ms"] / 1000, record["whole_theirs_ms"] / 1000),
        ("from the start of the process",): (
            record["cold"]["cpu_s"],
            record["cold_theirs"]["cpu_s"],
        ),
        ("photos found",): (record["found_ours"], record["found_theirs"]),
    }
    return {
        label: {
            "ours": ours,
            "face_recognition's way": theirs,
            "ours / theirs": ours / theirs,
        }
        for label, (ours, theirs) in cells.items()
    }


def training_speed(rows: list[dict[str, Any]]) -> Rows:
    """Of `training_speed`."""
    return {
        (one["name"],): {
            "compared with": one["compared_with"],
            "faces a second": one["images_per_second"],
            "ratio": one["ratio"],
        }
        for one in rows
    }


# The tables whose figures are taken by a command.
TAKEN: dict[str, Callable[[Any], Rows]] = {
    "lfw-verification": verification,
    "found": found,
    "lfw-lost": lost,
    "mfr2-verification": verification,
    "closed-set": closed_set,
    "open-set": open_set,
    "templates": templates,
    "crowd": crowd,
    "other-photos": other_photos,
    "rmfrd": people,
    "celeba": people,
    "old-galleries": old_galleries,
    "five-points": five_points,
    "detection": detection,
    "masks": masks,
    "masks-beside-real": masks_beside_real,
    "masking-speed": masking_speed,
    "identify-speed": identify_speed,
    "training-speed": training_speed,
    "search": search,
}
