-- The first floor. Ids are snowflakes; permission sets are 64-bit sets in bigint. No foreign key from messages or feed_entries:
-- they deadlock against the feeds row lock.

-- New ids of everything but messages: (ms since 2015) << 22 | a counter of 22 bits shared by all instances.
CREATE SEQUENCE id_counter MINVALUE 0 MAXVALUE 4194303 CYCLE CACHE 16;
CREATE FUNCTION next_id() RETURNS bigint LANGUAGE sql VOLATILE AS
  $$ SELECT ((extract(epoch FROM clock_timestamp()) * 1000)::bigint - 1420070400000) << 22 | nextval('id_counter') $$;

CREATE TABLE feeds (
  scope_id bigint PRIMARY KEY, head bigint NOT NULL DEFAULT 0, last_ms bigint NOT NULL DEFAULT 0,
  epoch bigint NOT NULL DEFAULT 0, closed boolean NOT NULL DEFAULT false
) WITH (fillfactor = 30, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE feed_entries (
  scope_id bigint NOT NULL, seq bigint NOT NULL, slot smallint NOT NULL, xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  topic bigint NOT NULL, type smallint NOT NULL, ref bigint, payload bytea,
  PRIMARY KEY (scope_id, seq, slot)
) PARTITION BY LIST (slot);
CREATE TABLE feed_entries_0 PARTITION OF feed_entries FOR VALUES IN (0);
CREATE TABLE feed_entries_1 PARTITION OF feed_entries FOR VALUES IN (1);
CREATE TABLE feed_entries_2 PARTITION OF feed_entries FOR VALUES IN (2);
CREATE TABLE feed_entries_3 PARTITION OF feed_entries FOR VALUES IN (3);
CREATE INDEX ON feed_entries (xid);
-- What the janitor truncated: the highest xid of each slot at the time; a digest token at or below the highest is lapsed.
CREATE TABLE feed_truncations (slot smallint PRIMARY KEY, xid xid8 NOT NULL, period bigint NOT NULL);

CREATE TABLE users (
  id bigint PRIMARY KEY, username text NOT NULL, global_name text, email text, password_hash text, bot boolean NOT NULL DEFAULT false,
  admin boolean NOT NULL DEFAULT false, flags bigint NOT NULL DEFAULT 0, date_of_birth date, created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_username ON users (lower(username COLLATE "und-x-icu")) WHERE NOT bot;
CREATE UNIQUE INDEX users_email ON users (lower(email)) WHERE email IS NOT NULL;
CREATE TABLE tokens (
  hash bytea PRIMARY KEY, user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE, created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON tokens (user_id);
CREATE TABLE applications (
  id bigint PRIMARY KEY, owner_id bigint NOT NULL REFERENCES users ON DELETE CASCADE, name text NOT NULL, description text NOT NULL DEFAULT '',
  bot_id bigint REFERENCES users ON DELETE SET NULL, bot_public boolean NOT NULL DEFAULT true, flags bigint NOT NULL DEFAULT 0,
  verify_key text NOT NULL
);
CREATE INDEX ON applications (owner_id);
CREATE UNIQUE INDEX ON applications (bot_id);

CREATE TABLE guilds (
  id bigint PRIMARY KEY, name text NOT NULL, owner_id bigint NOT NULL REFERENCES users, description text,
  verification_level smallint NOT NULL DEFAULT 0, default_message_notifications smallint NOT NULL DEFAULT 0,
  explicit_content_filter smallint NOT NULL DEFAULT 0, system_channel_id bigint, afk_channel_id bigint, afk_timeout int NOT NULL DEFAULT 300,
  preferred_locale text NOT NULL DEFAULT 'en-US', member_count int NOT NULL DEFAULT 0
);
CREATE INDEX ON guilds (owner_id);
CREATE TABLE roles (
  id bigint PRIMARY KEY, guild_id bigint NOT NULL REFERENCES guilds ON DELETE CASCADE, name text NOT NULL, color int NOT NULL DEFAULT 0,
  hoist boolean NOT NULL DEFAULT false, position int NOT NULL DEFAULT 0, permissions bigint NOT NULL DEFAULT 0, managed boolean NOT NULL DEFAULT false,
  mentionable boolean NOT NULL DEFAULT false, bot_id bigint
);
CREATE INDEX ON roles (guild_id);
CREATE TABLE members (
  guild_id bigint NOT NULL REFERENCES guilds ON DELETE CASCADE, user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE, nick text,
  roles bigint[] NOT NULL DEFAULT '{}', joined_at timestamptz NOT NULL DEFAULT now(), timeout_until timestamptz, flags bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (guild_id, user_id)
);
CREATE INDEX ON members (user_id);
CREATE TABLE channels (
  id bigint PRIMARY KEY, guild_id bigint REFERENCES guilds ON DELETE CASCADE, type smallint NOT NULL, name text, topic text,
  position int NOT NULL DEFAULT 0, parent_id bigint, nsfw boolean NOT NULL DEFAULT false, rate_limit_per_user int NOT NULL DEFAULT 0,
  bitrate int NOT NULL DEFAULT 64000, user_limit int NOT NULL DEFAULT 0, flags bigint NOT NULL DEFAULT 0
);
CREATE INDEX ON channels (guild_id);
CREATE TABLE overwrites (
  channel_id bigint NOT NULL REFERENCES channels ON DELETE CASCADE, target_id bigint NOT NULL, type smallint NOT NULL,
  allow bigint NOT NULL DEFAULT 0, deny bigint NOT NULL DEFAULT 0, PRIMARY KEY (channel_id, target_id)
);
CREATE INDEX ON overwrites (target_id);
CREATE TABLE invites (
  code text PRIMARY KEY, guild_id bigint NOT NULL REFERENCES guilds ON DELETE CASCADE, channel_id bigint NOT NULL REFERENCES channels ON DELETE CASCADE,
  inviter_id bigint REFERENCES users ON DELETE SET NULL, created_at timestamptz NOT NULL DEFAULT now(), max_age int NOT NULL DEFAULT 86400,
  max_uses int NOT NULL DEFAULT 0, uses int NOT NULL DEFAULT 0, temporary boolean NOT NULL DEFAULT false
);
CREATE INDEX ON invites (guild_id);

-- extra: a packed hubbub.v1.Message of what has no column (embeds, attachments, reference, mentions).
CREATE TABLE messages (
  channel_id bigint NOT NULL, id bigint NOT NULL, author_id bigint NOT NULL, type smallint NOT NULL DEFAULT 0, flags int NOT NULL DEFAULT 0,
  edited_at timestamptz, content text NOT NULL, extra bytea, PRIMARY KEY (channel_id, id)
) PARTITION BY HASH (channel_id);
DO $$ BEGIN
  FOR i IN 0..15 LOOP
    EXECUTE format('CREATE TABLE messages_%s PARTITION OF messages FOR VALUES WITH (MODULUS 16, REMAINDER %s)', i, i);
  END LOOP;
END $$;
CREATE TABLE send_keys (
  channel_id bigint, author_id bigint, key text, message_id bigint NOT NULL, slot smallint NOT NULL,
  PRIMARY KEY (channel_id, author_id, key)
);
CREATE INDEX ON send_keys (slot);
CREATE TABLE attachments (
  id bigint PRIMARY KEY, channel_id bigint NOT NULL, message_id bigint NOT NULL, filename text NOT NULL, content_type text NOT NULL,
  size bigint NOT NULL, width int, height int, store_key text NOT NULL
);
CREATE INDEX ON attachments (channel_id, message_id);
