"""A seeded, wholly synthetic archive of the pipeline's products, and a simulated pipeline that keeps it growing."""

from data_access.demo.live import grow, grow_once
from data_access.demo.write import load_archive, write_demo

__all__ = ["grow", "grow_once", "load_archive", "write_demo"]
