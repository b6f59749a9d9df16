-- Custom emoji: of a guild, or of an application. A new table: any version runs beside it. image: the hash that media calls it.
-- A reaction with one has its id in reactions.emoji.
CREATE TABLE emojis (
  id bigint PRIMARY KEY, guild_id bigint REFERENCES guilds ON DELETE CASCADE, application_id bigint REFERENCES applications ON DELETE CASCADE,
  user_id bigint REFERENCES users ON DELETE SET NULL, name text NOT NULL, image text NOT NULL, animated boolean NOT NULL,
  roles bigint[] NOT NULL DEFAULT '{}'
);
CREATE INDEX ON emojis (guild_id);
CREATE INDEX ON emojis (application_id);
-- Which images and files are still referenced.
CREATE INDEX ON emojis (image);
CREATE INDEX ON users (avatar) WHERE avatar IS NOT NULL;
CREATE INDEX ON users (banner) WHERE banner IS NOT NULL;
CREATE INDEX ON guilds (icon) WHERE icon IS NOT NULL;
CREATE INDEX ON guilds (banner) WHERE banner IS NOT NULL;
CREATE INDEX ON guilds (splash) WHERE splash IS NOT NULL;
CREATE INDEX ON guilds (discovery_splash) WHERE discovery_splash IS NOT NULL;
CREATE INDEX ON members (avatar) WHERE avatar IS NOT NULL;
CREATE INDEX ON members (banner) WHERE banner IS NOT NULL;
CREATE INDEX ON roles (icon) WHERE icon IS NOT NULL;
CREATE INDEX ON channels (icon) WHERE icon IS NOT NULL;
CREATE INDEX ON applications (icon) WHERE icon IS NOT NULL;
CREATE INDEX ON webhooks (avatar) WHERE avatar IS NOT NULL;
CREATE INDEX ON attachments (store_key);
