-- Both layouts, alerts.sqlite3: what the alert manager fired.

CREATE TABLE alert_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rule_name TEXT NOT NULL,
    severity TEXT NOT NULL,
    state TEXT NOT NULL,
    message TEXT,
    fired_at REAL NOT NULL,
    resolved_at REAL,
    labels_json TEXT,
    created_at REAL DEFAULT (unixepoch())
);
CREATE INDEX idx_alert_fired ON alert_history (fired_at);
CREATE INDEX idx_alert_rule ON alert_history (rule_name);
