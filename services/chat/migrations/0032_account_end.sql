-- How accounts end. self_disabled: disabled by the person, whose next login takes it back; the operator's stays. erased: of a deleted one, that
-- nothing is left to be done. Columns with defaults: a chat that does not know them runs on beside this one.
ALTER TABLE users ADD COLUMN self_disabled boolean NOT NULL DEFAULT false;
ALTER TABLE users ADD COLUMN erased boolean NOT NULL DEFAULT false;
CREATE INDEX users_unerased ON users (id) WHERE deleted AND NOT erased;
