"""How a mask gets on a face: warp, light, shading, compositing."""
