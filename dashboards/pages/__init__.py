"""Pages: one Viewer per route; params and wiring, no SQL, no glyphs."""
