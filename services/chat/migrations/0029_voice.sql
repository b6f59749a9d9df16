-- Who is in which voice channel, one row a user in a guild. New columns and a table: any version runs beside them; an older one leaves
-- rows of members who left or may no longer, which the next change of a newer one in the guild removes.
ALTER TABLE members ADD COLUMN mute boolean NOT NULL DEFAULT false, ADD COLUMN deaf boolean NOT NULL DEFAULT false;
-- suppressed: somebody said so; suppress: what is shown. brought: moved in by somebody, and needs no permission to stay. due: when it
-- goes unless a gateway keeps it. No index on due, so that keeping touches no index; the table is as small as the number of people in voice.
CREATE TABLE voice_states (
  guild_id bigint NOT NULL REFERENCES guilds ON DELETE CASCADE, user_id bigint NOT NULL, channel_id bigint NOT NULL, session_id text NOT NULL,
  self_mute boolean NOT NULL DEFAULT false, self_deaf boolean NOT NULL DEFAULT false,
  self_video boolean NOT NULL DEFAULT false, self_stream boolean NOT NULL DEFAULT false,
  suppressed boolean NOT NULL DEFAULT false, suppress boolean NOT NULL DEFAULT false, brought boolean NOT NULL DEFAULT false,
  due timestamptz NOT NULL, PRIMARY KEY (guild_id, user_id)
) WITH (fillfactor = 50);
