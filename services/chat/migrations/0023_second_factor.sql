-- The second factor. mfa: what login and permission checks ask, true exactly while the user has a row of totp. New tables, and columns
-- with defaults: a chat that does not know them runs on beside this one.
ALTER TABLE users ADD COLUMN mfa boolean NOT NULL DEFAULT false;
ALTER TABLE guilds ADD COLUMN mfa_level smallint NOT NULL DEFAULT 0;
-- last_step: of the last code that was taken, so that none is taken twice. salt: of the recovery codes' hashes. failures: since failures_at.
CREATE TABLE totp (
  user_id bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE, secret bytea NOT NULL, last_step bigint NOT NULL, salt bytea NOT NULL,
  failures int NOT NULL DEFAULT 0, failures_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE recovery_codes (
  user_id bigint NOT NULL REFERENCES totp ON DELETE CASCADE, position smallint NOT NULL, hash bytea NOT NULL, used boolean NOT NULL DEFAULT false,
  PRIMARY KEY (user_id, position)
);
-- Secrets that are handed out for one use and expire: purpose as in tickets.h, hash BLAKE2b-256 of the text.
CREATE TABLE tickets (
  hash bytea PRIMARY KEY, user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE, purpose smallint NOT NULL, data text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(), expires_at timestamptz NOT NULL
);
CREATE INDEX ON tickets (user_id, purpose);
CREATE INDEX ON tickets (expires_at);
