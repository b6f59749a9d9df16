-- Announcement channels. New tables: any version runs beside it; an older one leaves rows due, which a newer one delivers.
-- What was published, for the limit of an hour.
CREATE TABLE published (
  channel_id bigint NOT NULL, message_id bigint NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (channel_id, message_id)
);
CREATE INDEX ON published (channel_id, at);
-- One row a follower that a published message goes to. message_id: what it has become there, NULL until it is delivered. due: the
-- source was published, edited or removed since. The row and the message there change in one transaction: exactly once.
CREATE TABLE crossposts (
  source_channel_id bigint NOT NULL, source_message_id bigint NOT NULL,
  webhook_id bigint NOT NULL REFERENCES webhooks ON DELETE CASCADE, channel_id bigint, message_id bigint, due boolean NOT NULL DEFAULT true,
  PRIMARY KEY (source_channel_id, source_message_id, webhook_id)
);
CREATE INDEX ON crossposts (webhook_id);
CREATE INDEX crossposts_due ON crossposts (source_message_id) WHERE due;
