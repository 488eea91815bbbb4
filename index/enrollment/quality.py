"""How good a template a photo makes."""

from __future__ import annotations

from masking.faces.aligned_faces import AlignedFace

# Below it, 4% of tight crops of RMFRD and none of LFW; pairs with such a photo are
# missed 1.7 times as often.
POOR = 0.88


def quality(face: AlignedFace) -> float:
    """Of an unmasked face, 0 to 1, higher is better: how sure the finder is of it.

    Small, blurred, dark, turned and covered faces all look less like a face. As the
    worst photos are left out, errors fall about as fast as by the agreement of the
    embeddings of changed copies (Terhoerst et al., "SER-FIQ", CVPR 2020), faster than
    by the face's size; sharpness and the descriptor's norm say nothing
    (`benchmarks.recognition.template_quality`).
    """
    return face.box.score


def poor_template(face: AlignedFace) -> str:
    """One sentence where an unmasked face makes a poor template, else ""."""
    value = quality(face)
    # 0: nobody looked, as of crops that were made before.
    if not 0 < value < POOR:
        return ""
    return (
        f"{face.source}: this face makes a poor template (quality {value:.2f}, usual "
        f"is {POOR} to 1): it may be small, blurred, dark, turned or covered. Enroll a "
        "better photo, too."
    )
