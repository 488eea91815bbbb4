"""Commands that change the gallery or look after it."""
