-- What people asked to have of their own, in pieces of 64 KiB at most, made step by step by whichever chat has time: section, channel_id and
-- message_id are where the next step goes on. New tables: any version runs beside them; an older one makes none.
CREATE TABLE exports (
  id bigint PRIMARY KEY DEFAULT next_id(), user_id bigint NOT NULL, section int NOT NULL DEFAULT 0, channel_id bigint NOT NULL DEFAULT 0,
  message_id bigint NOT NULL DEFAULT 0, pieces int NOT NULL DEFAULT 0, size bigint NOT NULL DEFAULT 0, messages bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(), tried_at timestamptz, done_at timestamptz
);
CREATE INDEX ON exports (user_id);
CREATE INDEX exports_due ON exports (tried_at NULLS FIRST, id) WHERE done_at IS NULL;
CREATE INDEX ON exports (created_at);
CREATE TABLE export_pieces (
  export_id bigint NOT NULL REFERENCES exports ON DELETE CASCADE, piece int NOT NULL, data bytea NOT NULL, PRIMARY KEY (export_id, piece)
);
