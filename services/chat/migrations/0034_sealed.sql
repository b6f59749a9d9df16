-- Secrets of authenticators, encrypted (seal.h). While sealed is set, secret is empty: a chat that does not know it would refuse every code, so
-- it is set only when none runs any more.
ALTER TABLE totp ADD COLUMN sealed bytea;
CREATE INDEX totp_unsealed ON totp (user_id) WHERE sealed IS NULL;
