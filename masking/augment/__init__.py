"""The command `augment`: masked copies of a collection, and their manifest."""
