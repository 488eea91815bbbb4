"""From aligned crops to embeddings."""
