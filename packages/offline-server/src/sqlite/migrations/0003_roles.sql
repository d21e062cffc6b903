-- What a member may do beyond what every member may.
ALTER TABLE member ADD COLUMN role TEXT NOT NULL DEFAULT 'member';
