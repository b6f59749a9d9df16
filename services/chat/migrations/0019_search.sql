-- What messages are found by. Filled behind the feeds by one chat at a time; whoever finds a row joins the message, so a row whose
-- message is gone shows nothing. terms: normal words and pairs of East Asian letters, and what the message is ("u:AUTHOR", "h:image").
CREATE TABLE message_search (
  channel_id bigint NOT NULL, message_id bigint NOT NULL, scope_id bigint NOT NULL, terms text[] NOT NULL,
  PRIMARY KEY (channel_id, message_id)
);
CREATE INDEX message_search_terms ON message_search USING gin (terms);
CREATE INDEX message_search_scope ON message_search (scope_id, message_id);
-- How far it is: of each feed the entry that was taken last, and, until the older messages are in too, the one that was read last.
CREATE TABLE search_scopes (
  scope_id bigint PRIMARY KEY, seq bigint NOT NULL, filling boolean NOT NULL DEFAULT true, channel_id bigint NOT NULL DEFAULT 0,
  message_id bigint NOT NULL DEFAULT 0, documents bigint NOT NULL DEFAULT 0
);
CREATE INDEX ON search_scopes (scope_id) WHERE filling;
