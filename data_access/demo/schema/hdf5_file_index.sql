-- incoming/hdf5_file_index.sqlite3: the index kept beside the raw files.

CREATE TABLE hdf5_file_index (
    path TEXT PRIMARY KEY,
    filename TEXT NOT NULL,
    group_id TEXT NOT NULL,
    subband_code TEXT NOT NULL,
    subband_num INTEGER,
    timestamp_iso TEXT,
    timestamp_mjd REAL,
    file_size_bytes INTEGER,
    modified_time REAL,
    indexed_at REAL NOT NULL,
    stored INTEGER DEFAULT 1,
    ra_deg REAL,
    dec_deg REAL,
    obs_date TEXT,
    obs_time TEXT
);
CREATE INDEX idx_hdf5_group_id ON hdf5_file_index (group_id);
CREATE INDEX idx_hdf5_stored ON hdf5_file_index (stored);
CREATE INDEX idx_hdf5_timestamp_mjd ON hdf5_file_index (timestamp_mjd);
