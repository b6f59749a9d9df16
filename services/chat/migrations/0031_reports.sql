-- What people reported to the instance's administrators. New tables: any version runs beside them. message: a packed hubbub.v1.Message, as it
-- was; report_files: its attachments, which media keeps as long. No foreign key to users and messages: a report outlives both.
CREATE TABLE reports (
  id bigint PRIMARY KEY DEFAULT next_id(), reporter_id bigint NOT NULL, author_id bigint NOT NULL, guild_id bigint, channel_id bigint NOT NULL,
  message_id bigint NOT NULL, reason text NOT NULL, comment text, message bytea NOT NULL,
  resolved_at timestamptz, resolver_id bigint, act text, note text
);
CREATE UNIQUE INDEX ON reports (reporter_id, message_id);
CREATE INDEX reports_open ON reports (id) WHERE resolved_at IS NULL;
CREATE INDEX ON reports (message_id);
CREATE INDEX ON reports (author_id);
CREATE INDEX ON reports (resolved_at);
CREATE TABLE report_files (
  report_id bigint NOT NULL REFERENCES reports ON DELETE CASCADE, attachment_id bigint NOT NULL, store_key text NOT NULL,
  PRIMARY KEY (report_id, attachment_id)
);
CREATE INDEX ON report_files (store_key);
