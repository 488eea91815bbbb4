"""Networks, and the files that their weights come from."""
