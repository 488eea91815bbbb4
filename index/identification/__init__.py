"""Who is in a photo: probes, answers, result cards, video."""
