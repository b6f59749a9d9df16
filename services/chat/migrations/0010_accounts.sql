-- What the list of a person's sessions shows of each token. Added with defaults: a chat that does not know them runs on beside this one.
ALTER TABLE tokens ADD COLUMN used_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE tokens ADD COLUMN os text;
ALTER TABLE tokens ADD COLUMN platform text;
