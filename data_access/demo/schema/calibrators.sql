-- Split layout, calibrators.sqlite3.

CREATE TABLE bandpass_calibrators (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    calibrator_name TEXT NOT NULL,
    ra_deg REAL NOT NULL,
    dec_deg REAL NOT NULL,
    dec_range_min REAL,
    dec_range_max REAL,
    source_catalog TEXT,
    flux_jy REAL,
    registered_at REAL NOT NULL,
    registered_by TEXT,
    status TEXT DEFAULT 'active',
    notes TEXT,
    UNIQUE (calibrator_name)
);
CREATE INDEX idx_bp_dec_range ON bandpass_calibrators (dec_range_min, dec_range_max);
CREATE INDEX idx_bp_name ON bandpass_calibrators (calibrator_name);
CREATE INDEX idx_bp_status ON bandpass_calibrators (status);

CREATE TABLE vla_calibrators (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    ra_deg REAL NOT NULL,
    dec_deg REAL NOT NULL,
    flux_jy REAL,
    flux_freq_ghz REAL,
    code_20_cm TEXT,
    registered_at REAL NOT NULL,
    notes TEXT,
    UNIQUE (name)
);
CREATE INDEX idx_vla_name ON vla_calibrators (name);
CREATE INDEX idx_vla_radec ON vla_calibrators (ra_deg, dec_deg);

CREATE TABLE vla_flux_info (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    vla_calibrator_id INTEGER NOT NULL,
    frequency_ghz REAL NOT NULL,
    flux_jy REAL NOT NULL,
    flux_uncertainty REAL,
    measurement_date TEXT,
    UNIQUE (vla_calibrator_id, frequency_ghz),
    FOREIGN KEY (vla_calibrator_id) REFERENCES vla_calibrators (id)
);
