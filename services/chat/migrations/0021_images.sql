-- Images, by the hash that media calls them. Nullable columns only: any version runs beside it.
ALTER TABLE users ADD COLUMN avatar text, ADD COLUMN banner text;
ALTER TABLE guilds ADD COLUMN icon text, ADD COLUMN banner text, ADD COLUMN splash text, ADD COLUMN discovery_splash text;
ALTER TABLE members ADD COLUMN avatar text, ADD COLUMN banner text;
ALTER TABLE roles ADD COLUMN icon text, ADD COLUMN unicode_emoji text;
ALTER TABLE channels ADD COLUMN icon text;
ALTER TABLE applications ADD COLUMN icon text;
