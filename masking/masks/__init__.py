"""What a mask is: its specification, shape, fabric and colours."""
