"""The SQLite file of a gallery: rows, checksums, backups."""
