"""What all commands share: the group, options, printing, signals."""
