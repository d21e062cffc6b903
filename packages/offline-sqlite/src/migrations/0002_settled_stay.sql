-- What was settled stays where it is in the outbox until the journal forgets it: to move it would be most of what a settlement costs.
ALTER TABLE partition ADD COLUMN last_entry INTEGER NOT NULL DEFAULT 0;
-- No command before this seq is unsettled.
ALTER TABLE partition ADD COLUMN head INTEGER NOT NULL DEFAULT 1;
-- Grows when a command of the outbox is changed or settled: as long as it is the same, so are they.
ALTER TABLE partition ADD COLUMN edits INTEGER NOT NULL DEFAULT 0;
UPDATE partition SET last_entry = (SELECT coalesce(max(entry), 0) FROM journal);

-- What became of runs of commands, in the order of settling: a line of JSON for each. It is either what the server said, or the whole entry;
-- then the body in the outbox is empty.
CREATE TABLE settled (
    -- The number of its last entry in the journal, counted from the first one that ever was.
    entry INTEGER PRIMARY KEY,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

-- What cannot be read is nowhere in the order of the outbox; it is said when it is asked for.
INSERT INTO settled SELECT entry, seq, seq, body FROM (
    SELECT entry, body, coalesce(CASE WHEN json_valid(body) THEN
        CASE json_type(body, '$.command.seq') WHEN 'integer' THEN json_extract(body, '$.command.seq') END END, -entry) AS seq
    FROM journal);
CREATE UNIQUE INDEX settled_seq ON settled (first_seq, last_seq);
INSERT INTO outbox SELECT s.first_seq, j.command_id, 'PENDING', '' FROM settled s JOIN journal j ON j.entry = s.entry;
-- A settled command touches the records that it wrote, too.
INSERT OR IGNORE INTO touches SELECT g.kind, g.id, s.first_seq FROM given g JOIN settled s ON s.entry = g.entry;
DROP TABLE given;
DROP TABLE journal;

-- The commands on the wire, as runs. Small and short-lived, so that a flight does not rewrite its commands.
CREATE TABLE flying (
    first_seq INTEGER PRIMARY KEY,
    last_seq INTEGER NOT NULL,
    flight_id BLOB NOT NULL
) STRICT;
INSERT INTO flying SELECT seq, seq, flight_id FROM flight;
DROP TABLE flight;
