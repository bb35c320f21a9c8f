"""Where SQL, files and caches meet."""
