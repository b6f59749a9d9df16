-- What verification levels and prune ask of an account. Columns with defaults: any version runs beside it; one that does not know
-- seen_at leaves it behind, and a token's used_at counts too.
ALTER TABLE users ADD COLUMN IF NOT EXISTS verified boolean NOT NULL DEFAULT true;
ALTER TABLE users ADD COLUMN seen_at timestamptz NOT NULL DEFAULT now();
