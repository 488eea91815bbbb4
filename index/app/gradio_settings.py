"""What Gradio reads when it is imported."""

from __future__ import annotations

import os
from pathlib import Path


def keep_quiet(folder: Path) -> None:
    """Switch off what Gradio would send, and keep what is dropped on it in `folder`.

    To be called before Gradio is imported: it offers no other way.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
