-- What the guild's system channel is not told of: bit 0 joins. The bits 1-5 are kept for clients.
ALTER TABLE guilds ADD COLUMN system_channel_flags int NOT NULL DEFAULT 0;
