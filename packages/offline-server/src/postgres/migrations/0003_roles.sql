-- What a member may do beyond what every member may.
ALTER TABLE offline.member ADD COLUMN role text COLLATE "C" NOT NULL DEFAULT 'member';

GRANT UPDATE ON offline.member TO offline_app;
