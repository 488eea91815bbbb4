"""What an evaluation writes: table, plots, HTML, worst errors."""
