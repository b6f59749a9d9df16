-- verified: the address is the user's own; of accounts that are older than mail it is believed. outbox: mails that are to be sent, without
-- their links' tokens, which are made when they are sent. user_id NULL: asked for somebody who does not exist, and dropped by the worker.
-- A new table, and a column with a default: a chat that does not know them runs on beside this one.
ALTER TABLE users ADD COLUMN IF NOT EXISTS verified boolean NOT NULL DEFAULT true;
CREATE TABLE outbox (
  id bigint PRIMARY KEY DEFAULT next_id(), kind smallint NOT NULL, user_id bigint REFERENCES users ON DELETE CASCADE, recipient text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(), tries int NOT NULL DEFAULT 0, next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_error text
);
CREATE INDEX ON outbox (next_at);
CREATE INDEX ON outbox (user_id);
