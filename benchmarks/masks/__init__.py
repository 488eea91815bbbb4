"""How good and how fast rendered masks are."""
