-- Catalogue of one declination strip, catalogs/nvss_dec*.sqlite3.

CREATE TABLE sources (
    source_id INTEGER PRIMARY KEY AUTOINCREMENT,
    ra_deg REAL NOT NULL,
    dec_deg REAL NOT NULL,
    flux_mjy REAL,
    flux_err_mjy REAL,
    major_axis REAL,
    minor_axis REAL,
    position_angle REAL,
    maj_arcsec REAL,
    min_arcsec REAL,
    name TEXT,
    period_s REAL,
    dm REAL,
    UNIQUE (ra_deg, dec_deg)
);
CREATE INDEX idx_dec ON sources (dec_deg);
CREATE INDEX idx_flux ON sources (flux_mjy);
CREATE INDEX idx_radec ON sources (ra_deg, dec_deg);

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT
);
