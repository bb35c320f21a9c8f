-- Split layout, ingest.sqlite3: the processing queue.

CREATE TABLE ingest_queue (
    group_id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    received_at REAL NOT NULL,
    last_update REAL NOT NULL,
    expected_subbands INTEGER,
    retry_count INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    checkpoint_path TEXT,
    processing_stage TEXT DEFAULT 'collecting',
    chunk_minutes REAL,
    has_calibrator INTEGER DEFAULT NULL,
    calibrators TEXT
);

CREATE TABLE subband_files (
    group_id TEXT NOT NULL,
    subband_idx INTEGER NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (group_id, subband_idx)
);
CREATE UNIQUE INDEX idx_subband_files_path ON subband_files (path);

CREATE TABLE performance_metrics (
    group_id TEXT PRIMARY KEY NOT NULL,
    load_time REAL,
    phase_time REAL,
    write_time REAL,
    total_time REAL,
    writer_type TEXT,
    recorded_at REAL NOT NULL
);

CREATE TABLE pointing_history (
    timestamp REAL PRIMARY KEY,
    ra_deg REAL,
    dec_deg REAL
);
CREATE INDEX idx_pointing_timestamp ON pointing_history (timestamp);
