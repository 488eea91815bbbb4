"""What all commands share: options, printing, signals."""
