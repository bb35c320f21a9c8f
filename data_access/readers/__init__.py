"""Blocking, picklable functions that read one file each: FITS in a thread, casacore tables in a worker process."""
