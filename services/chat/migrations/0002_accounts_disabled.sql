-- What the operator does to accounts. disabled: no token and no login works. deleted: what told of the person is gone; the row
-- stays for the messages that it wrote. Both are added with a default: a chat that does not know them runs on beside this one.
ALTER TABLE users ADD COLUMN disabled boolean NOT NULL DEFAULT false;
ALTER TABLE users ADD COLUMN deleted boolean NOT NULL DEFAULT false;
