-- One row: what is true of the partition as a whole. The counts are kept with every change, so that reading them costs nothing.
CREATE TABLE partition (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- Grows when the partition is wiped: who opened it before is closed.
    generation INTEGER NOT NULL,
    workspace_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    device_id TEXT,
    last_seq INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    in_flight INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    conflict INTEGER NOT NULL,
    last_fence INTEGER NOT NULL,
    -- Who holds the lease, with the last fence; null when nobody does.
    lease_holder TEXT,
    lease_expires_at INTEGER NOT NULL
) STRICT;

-- The unsettled commands. A command in flight stands here as it was before, and is back to that when its flight is gone.
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY,
    command_id BLOB NOT NULL UNIQUE,
    status TEXT NOT NULL CHECK (status IN ('PENDING', 'FAILED', 'CONFLICT')),
    body TEXT NOT NULL
) STRICT;

CREATE INDEX outbox_parked ON outbox (seq) WHERE status <> 'PENDING';

CREATE TABLE touches (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (kind, id, seq)
) STRICT, WITHOUT ROWID;

-- The commands on the wire. Small and short-lived, so that a flight does not rewrite its commands.
CREATE TABLE flight (
    seq INTEGER PRIMARY KEY,
    flight_id BLOB NOT NULL
) STRICT;

CREATE INDEX flight_id ON flight (flight_id, seq);

-- What became of commands, in the order of settling.
CREATE TABLE journal (
    entry INTEGER PRIMARY KEY,
    command_id BLOB NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;

-- The versions that journaled commands gave to records.
CREATE TABLE given (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (kind, id, version, entry)
) STRICT, WITHOUT ROWID;

CREATE INDEX given_entry ON given (entry);
