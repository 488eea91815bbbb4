"""What Python programs may rely on; docs/python.md shows how.

All other rooms are private: they may change with every version.
"""
