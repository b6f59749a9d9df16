-- Bans and the audit log. New tables, and one column that is NULL unless an entry is for some only: any version runs beside it.
CREATE TABLE bans (
  guild_id bigint NOT NULL REFERENCES guilds ON DELETE CASCADE, user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE, reason text,
  PRIMARY KEY (guild_id, user_id)
);
CREATE INDEX ON bans (user_id);

-- entry: a packed hubbub.v1.AuditEntry; the columns are what a list is filtered by. The janitor removes what is older than 45 days.
CREATE TABLE audit_log (
  guild_id bigint NOT NULL REFERENCES guilds ON DELETE CASCADE, id bigint NOT NULL, user_id bigint NOT NULL, target_id bigint,
  action_type smallint NOT NULL, entry bytea NOT NULL, PRIMARY KEY (guild_id, id)
);
CREATE INDEX ON audit_log (id);

-- What a member must hold in the guild to be shown the entry; NULL: nothing.
ALTER TABLE feed_entries ADD COLUMN permission bigint;
