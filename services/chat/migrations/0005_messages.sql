-- Reactions, pins, slow mode. No foreign keys, as for messages: what removes a message removes its reactions.
CREATE TABLE reactions (
  channel_id bigint NOT NULL, message_id bigint NOT NULL, emoji text COLLATE "C" NOT NULL, user_id bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (channel_id, message_id, emoji, user_id)
);
-- A pin is a time on the message; the newest one is also kept on the channel.
ALTER TABLE messages ADD COLUMN pinned_at timestamptz;
CREATE INDEX messages_pinned ON messages (channel_id, pinned_at) WHERE pinned_at IS NOT NULL;
ALTER TABLE channels ADD COLUMN last_pin_at timestamptz;
-- When somebody last sent to a channel with slow mode, and the idempotency key of that message: its resend passes.
CREATE TABLE last_sends (
  channel_id bigint NOT NULL, user_id bigint NOT NULL, at timestamptz NOT NULL, key text NOT NULL, PRIMARY KEY (channel_id, user_id)
);
CREATE INDEX ON last_sends (at);
