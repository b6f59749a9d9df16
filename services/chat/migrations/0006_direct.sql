-- Direct messages and relationships. A DM is a channel without a guild, with a feed of its own (scope_id = channel id).
ALTER TABLE channels ADD COLUMN owner_id bigint;
-- shown: the DM stands in the user's list; one to one only is it ever false. added: the order in which a group's owner is followed.
CREATE TABLE dm_recipients (
  channel_id bigint NOT NULL REFERENCES channels ON DELETE CASCADE, user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
  shown boolean NOT NULL DEFAULT true, added timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (channel_id, user_id)
);
CREATE INDEX ON dm_recipients (user_id);
-- The one DM of two users, the lower id first.
CREATE TABLE dm_pairs (
  low bigint NOT NULL, high bigint NOT NULL, channel_id bigint NOT NULL REFERENCES channels ON DELETE CASCADE, PRIMARY KEY (low, high)
);
-- What user_id has with other_id. type: 1 friend (both ways), 2 blocked, 3 was asked by other, 4 has asked other.
CREATE TABLE relationships (
  user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE, other_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
  type smallint NOT NULL, since timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (user_id, other_id)
);
CREATE INDEX ON relationships (other_id);
