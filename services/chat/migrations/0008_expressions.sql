-- Webhooks. A new table: any version runs beside it.
-- type: 1 incoming (has a token), 2 follows source_channel_id. The token is a right to post and is never logged.
CREATE TABLE webhooks (
  id bigint PRIMARY KEY, type smallint NOT NULL DEFAULT 1, guild_id bigint NOT NULL REFERENCES guilds ON DELETE CASCADE,
  channel_id bigint NOT NULL REFERENCES channels ON DELETE CASCADE, user_id bigint REFERENCES users ON DELETE SET NULL, name text NOT NULL, avatar text,
  token text, application_id bigint, source_guild_id bigint, source_channel_id bigint
);
CREATE INDEX ON webhooks (channel_id);
CREATE INDEX ON webhooks (guild_id);
CREATE INDEX ON webhooks (source_channel_id) WHERE source_channel_id IS NOT NULL;
