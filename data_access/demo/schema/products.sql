-- Split layout, products.sqlite3: images, sources, jobs (the tables that the dashboard shows).

CREATE TABLE alert_history (
    id INTEGER PRIMARY KEY,
    source_id TEXT NOT NULL,
    alert_type TEXT NOT NULL,
    severity TEXT NOT NULL,
    message TEXT NOT NULL,
    sent_at REAL NOT NULL,
    channel TEXT,
    success INTEGER DEFAULT 1,
    error_msg TEXT
);
CREATE INDEX idx_alert_sent ON alert_history (sent_at);
CREATE INDEX idx_alert_source ON alert_history (source_id);
CREATE INDEX idx_alert_type ON alert_history (alert_type);

CREATE TABLE batch_job_items (
    id INTEGER PRIMARY KEY,
    batch_id INTEGER NOT NULL,
    ms_path TEXT NOT NULL,
    job_id INTEGER,
    status TEXT NOT NULL,
    error TEXT,
    started_at REAL,
    completed_at REAL,
    data_id TEXT DEFAULT NULL,
    FOREIGN KEY (batch_id) REFERENCES batch_jobs (id)
);
CREATE INDEX idx_batch_items_batch_id ON batch_job_items (batch_id);
CREATE INDEX idx_batch_items_ms_path ON batch_job_items (ms_path);

CREATE TABLE batch_jobs (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    created_at REAL NOT NULL,
    status TEXT NOT NULL,
    total_items INTEGER NOT NULL,
    completed_items INTEGER,
    failed_items INTEGER,
    params TEXT
);

CREATE TABLE calibration_qa (
    id INTEGER PRIMARY KEY,
    ms_path TEXT NOT NULL,
    job_id INTEGER NOT NULL,
    k_metrics TEXT,
    bp_metrics TEXT,
    g_metrics TEXT,
    overall_quality TEXT,
    flags_total REAL,
    per_spw_stats TEXT,
    timestamp REAL NOT NULL
);
CREATE INDEX idx_cal_qa_ms_path ON calibration_qa (ms_path);

CREATE TABLE calibrator_transits (
    calibrator_name TEXT NOT NULL,
    transit_mjd REAL NOT NULL,
    transit_iso TEXT NOT NULL,
    has_data INTEGER NOT NULL,
    group_id TEXT,
    group_mid_iso TEXT,
    delta_minutes REAL,
    pb_response REAL,
    dec_match INTEGER NOT NULL,
    calculated_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    PRIMARY KEY (calibrator_name, transit_mjd)
);
CREATE INDEX idx_calibrator_transits_calibrator ON calibrator_transits (calibrator_name, updated_at);
CREATE INDEX idx_calibrator_transits_has_data ON calibrator_transits (calibrator_name, has_data, transit_mjd);
CREATE INDEX idx_calibrator_transits_mjd ON calibrator_transits (transit_mjd);

CREATE TABLE ese_candidates (
    id INTEGER PRIMARY KEY,
    source_id TEXT NOT NULL,
    flagged_at REAL NOT NULL,
    flagged_by TEXT DEFAULT 'auto',
    significance REAL NOT NULL,
    flag_type TEXT NOT NULL,
    notes TEXT,
    status TEXT DEFAULT 'active',
    investigated_at REAL,
    dismissed_at REAL,
    FOREIGN KEY (source_id) REFERENCES variability_stats (source_id)
);
CREATE INDEX idx_ese_flagged ON ese_candidates (flagged_at);
CREATE INDEX idx_ese_source ON ese_candidates (source_id);
CREATE INDEX idx_ese_status ON ese_candidates (status);

CREATE TABLE image_qa (
    id INTEGER PRIMARY KEY,
    ms_path TEXT NOT NULL,
    job_id INTEGER NOT NULL,
    image_path TEXT NOT NULL,
    rms_noise REAL,
    peak_flux REAL,
    dynamic_range REAL,
    beam_major REAL,
    beam_minor REAL,
    beam_pa REAL,
    num_sources INTEGER,
    thumbnail_path TEXT,
    overall_quality TEXT,
    timestamp REAL NOT NULL
);
CREATE INDEX idx_img_qa_ms_path ON image_qa (ms_path);

CREATE TABLE images (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    ms_path TEXT NOT NULL,
    created_at REAL NOT NULL,
    type TEXT NOT NULL,
    beam_major_arcsec REAL,
    beam_minor_arcsec REAL,
    beam_pa_deg REAL,
    noise_jy REAL,
    pbcor INTEGER,
    format TEXT,
    dynamic_range REAL,
    field_name TEXT,
    center_ra_deg REAL,
    center_dec_deg REAL,
    imsize_x INTEGER,
    imsize_y INTEGER,
    cellsize_arcsec REAL,
    freq_ghz REAL,
    bandwidth_mhz REAL,
    integration_sec REAL
);
CREATE INDEX idx_images_field ON images (field_name);
CREATE INDEX idx_images_ms_path ON images (ms_path);

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending',
    ms_path TEXT NOT NULL,
    params TEXT,
    logs TEXT,
    artifacts TEXT,
    created_at REAL NOT NULL,
    started_at REAL,
    finished_at REAL
);
CREATE INDEX idx_jobs_created ON jobs (created_at);
CREATE INDEX idx_jobs_status ON jobs (status);

CREATE TABLE monitoring_sources (
    id INTEGER PRIMARY KEY,
    source_id TEXT NOT NULL,
    ra_deg REAL NOT NULL,
    dec_deg REAL NOT NULL,
    n_detections INTEGER,
    mean_flux_jy REAL,
    std_flux_jy REAL,
    eta REAL,
    v_index REAL,
    is_variable INTEGER,
    ese_candidate INTEGER,
    first_detected_at REAL,
    last_detected_at REAL,
    chi_squared REAL,
    last_updated REAL,
    notes TEXT,
    priority TEXT DEFAULT 'normal',
    name TEXT,
    catalog TEXT,
    UNIQUE (source_id)
);
CREATE INDEX idx_monitoring_coords ON monitoring_sources (ra_deg, dec_deg);
CREATE INDEX idx_monitoring_ese ON monitoring_sources (ese_candidate);
CREATE INDEX idx_monitoring_variable ON monitoring_sources (is_variable, eta);

CREATE TABLE mosaics (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at REAL NOT NULL,
    start_mjd REAL NOT NULL,
    end_mjd REAL NOT NULL,
    integration_sec REAL,
    n_images INTEGER,
    center_ra_deg REAL,
    center_dec_deg REAL,
    dec_min_deg REAL,
    dec_max_deg REAL,
    noise_jy REAL,
    beam_major_arcsec REAL,
    beam_minor_arcsec REAL,
    beam_pa_deg REAL,
    n_sources INTEGER,
    thumbnail_path TEXT,
    UNIQUE (path)
);
CREATE INDEX idx_mosaics_created ON mosaics (created_at);
CREATE INDEX idx_mosaics_mjd ON mosaics (start_mjd, end_mjd);

CREATE TABLE ms_index (
    path TEXT PRIMARY KEY,
    start_mjd REAL,
    end_mjd REAL,
    mid_mjd REAL,
    processed_at REAL,
    status TEXT,
    stage TEXT,
    stage_updated_at REAL,
    cal_applied INTEGER,
    imagename TEXT,
    ra_deg REAL,
    dec_deg REAL,
    field_name TEXT,
    pointing_ra_deg REAL,
    pointing_dec_deg REAL
);
CREATE INDEX idx_ms_index_field ON ms_index (field_name);
CREATE INDEX idx_ms_index_mjd ON ms_index (mid_mjd);
CREATE INDEX idx_ms_index_stage_path ON ms_index (stage, path);
CREATE INDEX idx_ms_index_status ON ms_index (status);

CREATE TABLE photometry (
    id INTEGER PRIMARY KEY,
    source_id TEXT,
    image_path TEXT NOT NULL,
    ra_deg REAL NOT NULL,
    dec_deg REAL NOT NULL,
    nvss_flux_mjy REAL,
    peak_jyb REAL NOT NULL,
    peak_err_jyb REAL,
    measured_at REAL NOT NULL,
    snr REAL,
    mjd REAL,
    flux_jy REAL,
    flux_err_jy REAL,
    normalized_flux_jy REAL,
    normalized_flux_err_jy REAL,
    mosaic_path TEXT,
    sep_from_center_deg REAL,
    flags INTEGER
);
CREATE INDEX idx_photometry_image ON photometry (image_path);
CREATE INDEX idx_photometry_source_id ON photometry (source_id);
CREATE INDEX idx_photometry_source_mjd ON photometry (source_id, mjd);

CREATE TABLE regions (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    coordinates TEXT NOT NULL,
    image_path TEXT NOT NULL,
    created_at REAL NOT NULL,
    created_by TEXT,
    updated_at REAL,
    FOREIGN KEY (image_path) REFERENCES images (path)
);
CREATE INDEX idx_regions_created ON regions (created_at);
CREATE INDEX idx_regions_image ON regions (image_path);
CREATE INDEX idx_regions_type ON regions (type);

CREATE TABLE storage_locations (
    id INTEGER PRIMARY KEY,
    location_type TEXT NOT NULL,
    base_path TEXT NOT NULL,
    description TEXT,
    registered_at REAL NOT NULL,
    status TEXT,
    notes TEXT,
    UNIQUE (location_type, base_path)
);
CREATE INDEX idx_storage_locations_type ON storage_locations (location_type, status);

CREATE TABLE transient_alerts (
    id INTEGER PRIMARY KEY,
    candidate_id INTEGER NOT NULL,
    alert_level TEXT NOT NULL,
    alert_message TEXT NOT NULL,
    created_at REAL NOT NULL,
    acknowledged INTEGER DEFAULT 0,
    acknowledged_at REAL,
    acknowledged_by TEXT,
    follow_up_status TEXT,
    notes TEXT,
    FOREIGN KEY (candidate_id) REFERENCES transient_candidates (id)
);
CREATE INDEX idx_alerts_candidate ON transient_alerts (candidate_id);
CREATE INDEX idx_alerts_level ON transient_alerts (alert_level, created_at);
CREATE INDEX idx_alerts_status ON transient_alerts (acknowledged, created_at);

CREATE TABLE transient_candidates (
    id INTEGER PRIMARY KEY,
    ra_deg REAL NOT NULL,
    dec_deg REAL NOT NULL,
    detection_type TEXT,
    significance_sigma REAL,
    detected_at REAL NOT NULL,
    last_updated REAL,
    notes TEXT,
    peak_mjy REAL NOT NULL,
    ms_path TEXT NOT NULL,
    flux_ratio REAL,
    variability_index REAL,
    source_name TEXT,
    flux_obs_mjy REAL,
    timestamp_mjd REAL,
    snr REAL NOT NULL,
    image_path TEXT NOT NULL,
    baseline_catalog TEXT,
    flux_baseline_mjy REAL,
    mosaic_id INTEGER,
    rms_mjy REAL NOT NULL,
    classification TEXT
);
CREATE INDEX idx_transient_ms_path ON transient_candidates (ms_path);
CREATE INDEX idx_transient_timestamp ON transient_candidates (timestamp_mjd);
CREATE INDEX idx_transients_coords ON transient_candidates (ra_deg, dec_deg);
CREATE INDEX idx_transients_detected ON transient_candidates (detected_at);
CREATE INDEX idx_transients_type ON transient_candidates (detection_type, significance_sigma);

CREATE TABLE transient_lightcurves (
    id INTEGER PRIMARY KEY,
    candidate_id INTEGER NOT NULL,
    mjd REAL NOT NULL,
    flux_mjy REAL NOT NULL,
    flux_err_mjy REAL,
    frequency_ghz REAL,
    mosaic_id INTEGER,
    image_path TEXT,
    measured_at REAL NOT NULL,
    FOREIGN KEY (candidate_id) REFERENCES transient_candidates (id)
);
CREATE INDEX idx_lightcurves_candidate ON transient_lightcurves (candidate_id, mjd);

CREATE TABLE variability_stats (
    source_id TEXT PRIMARY KEY,
    ra_deg REAL NOT NULL,
    dec_deg REAL NOT NULL,
    nvss_flux_mjy REAL,
    n_obs INTEGER DEFAULT 0,
    mean_flux_mjy REAL,
    std_flux_mjy REAL,
    min_flux_mjy REAL,
    max_flux_mjy REAL,
    chi2_nu REAL,
    sigma_deviation REAL,
    eta_metric REAL,
    last_measured_at REAL,
    last_mjd REAL,
    updated_at REAL NOT NULL
);
CREATE INDEX idx_variability_chi2 ON variability_stats (chi2_nu);
CREATE INDEX idx_variability_eta ON variability_stats (eta_metric);
CREATE INDEX idx_variability_last_mjd ON variability_stats (last_mjd);
CREATE INDEX idx_variability_sigma ON variability_stats (sigma_deviation);

CREATE TABLE mosaic_groups (
    group_id TEXT PRIMARY KEY,
    ms_paths TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending',
    mosaic_path TEXT,
    created_at REAL NOT NULL,
    completed_at REAL,
    error TEXT
);

CREATE TABLE mosaic_ms_membership (
    ms_path TEXT NOT NULL,
    mosaic_group_id TEXT NOT NULL,
    position_in_group INTEGER NOT NULL,
    PRIMARY KEY (ms_path, mosaic_group_id)
);
CREATE INDEX idx_mosaic_ms_path ON mosaic_ms_membership (ms_path);
