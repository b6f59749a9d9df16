-- Members found by how a name begins (Feeds.SearchMembers): "C" so that a btree answers ^@. Indexes only: any version runs beside it.
CREATE INDEX users_username_prefix ON users (lower(username COLLATE "und-x-icu") COLLATE "C");
CREATE INDEX users_global_name_prefix ON users (lower(global_name COLLATE "und-x-icu") COLLATE "C") WHERE global_name IS NOT NULL;
CREATE INDEX members_nick_prefix ON members (guild_id, lower(nick COLLATE "und-x-icu") COLLATE "C") WHERE nick IS NOT NULL;
