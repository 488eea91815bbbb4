"""What happens when files are damaged, processes killed and disks full."""
