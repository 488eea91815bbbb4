"""What happens when files are damaged and processes killed."""
