"""Every score: verification, identification, open sets, AS-norm, bootstrap."""
