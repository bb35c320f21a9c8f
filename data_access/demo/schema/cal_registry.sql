-- Split layout, cal_registry.sqlite3.

CREATE TABLE caltables (
    id INTEGER PRIMARY KEY,
    set_name TEXT NOT NULL,
    path TEXT NOT NULL,
    table_type TEXT NOT NULL,
    order_index INTEGER NOT NULL,
    cal_field TEXT,
    refant TEXT,
    created_at REAL NOT NULL,
    valid_start_mjd REAL,
    valid_end_mjd REAL,
    status TEXT NOT NULL,
    notes TEXT,
    source_ms_path TEXT,
    solver_command TEXT,
    solver_version TEXT,
    solver_params TEXT,
    quality_metrics TEXT,
    UNIQUE (path)
);
CREATE INDEX idx_caltables_set ON caltables (set_name);
CREATE INDEX idx_caltables_source ON caltables (source_ms_path);
CREATE INDEX idx_caltables_valid ON caltables (valid_start_mjd, valid_end_mjd);
