-- Split layout, data_registry.sqlite3.

CREATE TABLE data_registry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    data_type TEXT NOT NULL,
    data_id TEXT NOT NULL,
    base_path TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'staging',
    stage_path TEXT NOT NULL,
    published_path TEXT,
    created_at REAL NOT NULL,
    staged_at REAL NOT NULL,
    published_at REAL,
    publish_mode TEXT,
    metadata_json TEXT,
    qa_status TEXT,
    validation_status TEXT,
    finalization_status TEXT DEFAULT 'pending',
    auto_publish_enabled INTEGER DEFAULT 1,
    publish_attempts INTEGER DEFAULT 0,
    publish_error TEXT,
    photometry_status TEXT DEFAULT NULL,
    photometry_job_id TEXT DEFAULT NULL,
    UNIQUE (data_id),
    UNIQUE (data_type, data_id)
);
CREATE INDEX idx_data_registry_finalization ON data_registry (finalization_status);
CREATE INDEX idx_data_registry_published_at ON data_registry (published_at);
CREATE INDEX idx_data_registry_status ON data_registry (status);
CREATE INDEX idx_data_registry_type_status ON data_registry (data_type, status);

CREATE TABLE data_relationships (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    parent_data_id TEXT NOT NULL,
    child_data_id TEXT NOT NULL,
    relationship_type TEXT NOT NULL,
    UNIQUE (parent_data_id, child_data_id, relationship_type),
    FOREIGN KEY (child_data_id) REFERENCES data_registry (data_id),
    FOREIGN KEY (parent_data_id) REFERENCES data_registry (data_id)
);
CREATE INDEX idx_data_relationships_child ON data_relationships (child_data_id);
CREATE INDEX idx_data_relationships_parent ON data_relationships (parent_data_id);

CREATE TABLE data_tags (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    data_id TEXT NOT NULL,
    tag TEXT NOT NULL,
    UNIQUE (data_id, tag),
    FOREIGN KEY (data_id) REFERENCES data_registry (data_id)
);
CREATE INDEX idx_data_tags_data_id ON data_tags (data_id);
