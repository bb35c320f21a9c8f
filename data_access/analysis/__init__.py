"""Pure numpy: variability, dips, coordinates, times, quality grades."""
