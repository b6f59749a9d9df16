-- Names that people give their friends, notes about others, profiles, settings. Nullable or defaulted columns, and new tables:
-- any version runs beside it.
ALTER TABLE relationships ADD COLUMN nickname text;
CREATE TABLE notes (
  user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE, other_id bigint NOT NULL REFERENCES users ON DELETE CASCADE, note text NOT NULL,
  PRIMARY KEY (user_id, other_id)
);
ALTER TABLE users ADD COLUMN bio text, ADD COLUMN pronouns text;
-- settings: a packed hubbub.v1.UserSettings; proto_1 and proto_2: what the client keeps in its own form.
CREATE TABLE user_settings (
  user_id bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE, settings bytea, proto_1 bytea, proto_2 bytea
);
-- Of a guild, or (guild_id 0) of the DMs. settings: a packed hubbub.v1.GuildSettings; the columns are what mentions are counted by.
CREATE TABLE guild_settings (
  user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE, guild_id bigint NOT NULL, suppress_everyone boolean NOT NULL DEFAULT false,
  suppress_roles boolean NOT NULL DEFAULT false, muted_channels bigint[] NOT NULL DEFAULT '{}', settings bytea NOT NULL,
  PRIMARY KEY (user_id, guild_id)
);
