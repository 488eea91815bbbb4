"""Who is enrolled: people, their photos and templates, erasure."""
