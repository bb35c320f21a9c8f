-- Catalogue of calibrators, catalogs/vla_calibrators.sqlite3.

CREATE TABLE calibrators (
    name TEXT PRIMARY KEY,
    ra_deg REAL NOT NULL,
    dec_deg REAL NOT NULL,
    position_code TEXT,
    alt_name TEXT
);
CREATE INDEX idx_cal_dec ON calibrators (dec_deg);
CREATE INDEX idx_cal_radec ON calibrators (ra_deg, dec_deg);

CREATE TABLE fluxes (
    name TEXT NOT NULL,
    band TEXT NOT NULL,
    band_code TEXT,
    flux_jy REAL NOT NULL,
    freq_hz REAL,
    quality_codes TEXT,
    PRIMARY KEY (name, band),
    FOREIGN KEY (name) REFERENCES calibrators (name) ON DELETE CASCADE
);
CREATE INDEX idx_flux_band ON fluxes (band);

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT
);
