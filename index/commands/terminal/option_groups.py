"""The options of a command's --help in groups, the main ones first."""

from __future__ import annotations

import click

OPTIONS, ADVANCED = "Options", "Advanced"
# By the name of the parameter, for all commands; all others are main options.
GROUPS = {
    "Search": {"top_k", "engine", "uri", "fpir", "threshold"},
    "Video": {"video", "camera", "every", "seconds"},
    "Masks": {"kinds", "wrongly_worn", "occluded", "textures", "masked_fraction"}
    | {"shared_masks", "unseen", "mixed", "masked_references"},
    "Loss": {"prototype_weight", "distillation_weight", "head", "head_weight"}
    | {"margin", "head_scale", "class_fraction"},
    ADVANCED: {"model", "device", "workers", "batch_size", "seed", "ray", "shard"}
    | {"samples_per_person", "warm_up", "ema_decay", "blend", "validation_fraction"}
    | {"validation_seed", "precision", "accumulate", "checkpointing", "compile"}
    | {"tensorboard", "crop_is_face", "merge", "redetect", "cohorts", "max_pairs"}
    | {"rounds", "flip_average", "on_no_face", "port"},
}


class GroupedCommand(click.Command):
    """A command whose --help has a heading for each group of options."""

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the options of each group, the main ones first."""
        found: dict[str, list[tuple[str, str]]]
        found = {name: [] for name in (OPTIONS, *GROUPS)}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            # Arguments are told of in the text above.
            if record and isinstance(option, click.Option):
                found[group_of(option.name or "")].append(record)
        for name, records in found.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)


def group_of(option: str) -> str:
    """The heading that an option of this name stands below."""
    return next((name for name, own in GROUPS.items() if option in own), OPTIONS)
