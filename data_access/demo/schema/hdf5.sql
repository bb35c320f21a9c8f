-- Split layout, hdf5.sqlite3: raw files known to the pipeline.

CREATE TABLE hdf5_file_index (
    path VARCHAR PRIMARY KEY NOT NULL,
    filename VARCHAR NOT NULL,
    group_id VARCHAR NOT NULL,
    subband_code VARCHAR NOT NULL,
    subband_num INTEGER,
    timestamp_iso VARCHAR NOT NULL,
    timestamp_mjd FLOAT NOT NULL,
    file_size_bytes INTEGER,
    modified_time FLOAT,
    indexed_at FLOAT,
    stored INTEGER,
    ra_deg FLOAT,
    dec_deg FLOAT,
    obs_date VARCHAR,
    obs_time VARCHAR
);
CREATE INDEX idx_hdf5_group_id ON hdf5_file_index (group_id);
CREATE INDEX idx_hdf5_group_subband ON hdf5_file_index (group_id, subband_code);
CREATE INDEX idx_hdf5_group_subband_num ON hdf5_file_index (group_id, subband_num);
CREATE INDEX idx_hdf5_obs_date ON hdf5_file_index (obs_date);
CREATE INDEX idx_hdf5_ra_dec ON hdf5_file_index (ra_deg, dec_deg);
CREATE INDEX idx_hdf5_stored ON hdf5_file_index (stored);
CREATE INDEX idx_hdf5_subband_num ON hdf5_file_index (subband_num);
CREATE INDEX idx_hdf5_timestamp_mjd ON hdf5_file_index (timestamp_mjd);

CREATE TABLE storage_locations (
    id INTEGER PRIMARY KEY NOT NULL,
    name VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    description VARCHAR,
    UNIQUE (name)
);

CREATE TABLE pointing_history (
    timestamp FLOAT PRIMARY KEY NOT NULL,
    ra_deg FLOAT,
    dec_deg FLOAT
);
CREATE INDEX idx_pointing_timestamp ON pointing_history (timestamp);
