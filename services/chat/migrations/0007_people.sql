-- What people have read, and what counts as a mention. New tables only: any version runs beside it, but a message that an
-- older one stores has no mentions counted. No foreign keys, as for messages: the writer's statement fills both.
CREATE TABLE read_states (
  user_id bigint NOT NULL, channel_id bigint NOT NULL, last_read bigint NOT NULL DEFAULT 0, pins_read_at timestamptz,
  PRIMARY KEY (user_id, channel_id)
);
-- target_id: a user, a role, or the scope (the guild, the DM): everybody in it. One row however many it reaches.
CREATE TABLE mentions (
  channel_id bigint NOT NULL, message_id bigint NOT NULL, target_id bigint NOT NULL, author_id bigint NOT NULL,
  PRIMARY KEY (target_id, channel_id, message_id)
);
CREATE INDEX ON mentions (channel_id, message_id);
