-- What a program with version 1 of the schema left behind: one command in each status, one in a flight, two in the journal.
BEGIN TRANSACTION;
CREATE TABLE flight (
    seq INTEGER PRIMARY KEY,
    flight_id BLOB NOT NULL
) STRICT;
INSERT INTO "flight" VALUES(6,X'01970000000070008000000000000063');
CREATE TABLE given (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (kind, id, version, entry)
) STRICT, WITHOUT ROWID;
INSERT INTO "given" VALUES('thing','a',5,1);
CREATE TABLE journal (
    entry INTEGER PRIMARY KEY,
    command_id BLOB NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;
INSERT INTO "journal" VALUES(1,X'01970000000070008000000000000001','{"command":{"commandId":"01970000-0000-7000-8000-000000000001","workspaceId":"acme","userId":"ana","deviceId":"device-1","seq":1,"type":"THING_UPDATE_V1","payload":{"amount":9007199254740991,"name":"Grüße \u0000 🧾","thingId":"a"},"touches":[{"kind":"thing","id":"a"},{"kind":"thing","id":"b"}],"expected":{"version":4},"dependsOn":[],"status":"SUCCEEDED","attempts":2,"nextAttemptAt":null,"idempotencyKey":"key-1","createdAt":"2026-11-18T11:06:40.123Z","clientTraceId":"trace-1","lastError":null,"conflict":null},"outcome":{"kind":"applied","versions":[{"kind":"thing","id":"a","version":5}],"changeSeq":88,"replayed":true},"settledAt":"2026-11-18T11:07:00.123Z"}');
INSERT INTO "journal" VALUES(2,X'01970000000070008000000000000002','{"command":{"commandId":"01970000-0000-7000-8000-000000000002","workspaceId":"acme","userId":"ana","deviceId":"device-1","seq":2,"type":"THING_UPDATE_V1","payload":{"amount":9007199254740991,"name":"Grüße \u0000 🧾","thingId":"a"},"touches":[{"kind":"thing","id":"a"},{"kind":"thing","id":"b"}],"expected":{"after":"01970000-0000-7000-8000-000000000002"},"dependsOn":["01970000-0000-7000-8000-000000000002","01970000-0000-7000-8000-000000000003"],"status":"FAILED","attempts":3,"nextAttemptAt":null,"idempotencyKey":"key-2","createdAt":"2026-11-18T11:06:40.123Z","clientTraceId":"trace-1","lastError":{"code":"rule-violated","title":"It was rule-violated \u0000 é","problem":{"type":"urn:offline:problem:rule-violated","code":"rule-violated","title":"No","status":422,"detail":"why","errors":[{"pointer":"/amount","code":"negative","message":"is negative"}]},"at":"2026-11-18T11:06:47.123Z"},"conflict":null},"outcome":{"kind":"discarded","maybeApplied":false},"settledAt":"2026-11-18T11:07:10.123Z"}');
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY,
    command_id BLOB NOT NULL UNIQUE,
    status TEXT NOT NULL CHECK (status IN ('PENDING', 'FAILED', 'CONFLICT')),
    body TEXT NOT NULL
) STRICT;
INSERT INTO "outbox" VALUES(3,X'01970000000070008000000000000003','PENDING','{"commandId":"01970000-0000-7000-8000-000000000003","workspaceId":"acme","userId":"ana","deviceId":"device-1","seq":3,"type":"THING_UPDATE_V1","payload":{"amount":9007199254740991,"name":"Grüße \u0000 🧾","thingId":"a"},"touches":[{"kind":"thing","id":"a"},{"kind":"thing","id":"b"}],"expected":{"version":4},"dependsOn":[],"status":"PENDING","attempts":0,"nextAttemptAt":null,"idempotencyKey":"key-3","createdAt":"2026-11-18T11:06:40.123Z","clientTraceId":"trace-1","lastError":null,"conflict":null}');
INSERT INTO "outbox" VALUES(4,X'01970000000070008000000000000004','FAILED','{"commandId":"01970000-0000-7000-8000-000000000004","workspaceId":"acme","userId":"ana","deviceId":"device-1","seq":4,"type":"THING_UPDATE_V1","payload":{"amount":9007199254740991,"name":"Grüße \u0000 🧾","thingId":"a"},"touches":[{"kind":"thing","id":"a"},{"kind":"thing","id":"b"}],"expected":{"after":"01970000-0000-7000-8000-000000000002"},"dependsOn":["01970000-0000-7000-8000-000000000002","01970000-0000-7000-8000-000000000003"],"status":"FAILED","attempts":3,"nextAttemptAt":null,"idempotencyKey":"key-4","createdAt":"2026-11-18T11:06:40.123Z","clientTraceId":"trace-1","lastError":{"code":"rule-violated","title":"It was rule-violated \u0000 é","problem":{"type":"urn:offline:problem:rule-violated","code":"rule-violated","title":"No","status":422,"detail":"why","errors":[{"pointer":"/amount","code":"negative","message":"is negative"}]},"at":"2026-11-18T11:06:47.123Z"},"conflict":null}');
INSERT INTO "outbox" VALUES(5,X'01970000000070008000000000000005','CONFLICT','{"commandId":"01970000-0000-7000-8000-000000000005","workspaceId":"acme","userId":"ana","deviceId":"device-1","seq":5,"type":"THING_UPDATE_V1","payload":{"amount":9007199254740991,"name":"Grüße \u0000 🧾","thingId":"a"},"touches":[{"kind":"thing","id":"a"},{"kind":"thing","id":"b"}],"expected":{"version":4},"dependsOn":[],"status":"CONFLICT","attempts":1,"nextAttemptAt":null,"idempotencyKey":"key-5","createdAt":"2026-11-18T11:06:40.123Z","clientTraceId":"trace-1","lastError":{"code":"version-conflict","title":"It was version-conflict \u0000 é","problem":null,"at":"2026-11-18T11:06:47.123Z"},"conflict":{"reason":"version-conflict","kind":"thing","id":"a","expectedVersion":3,"serverVersion":5,"serverSnapshot":{"name":"theirs"},"changedBy":"ben","changedAt":"2026-11-18T11:06:35.123Z","replayed":false}}');
INSERT INTO "outbox" VALUES(6,X'01970000000070008000000000000006','PENDING','{"commandId":"01970000-0000-7000-8000-000000000006","workspaceId":"acme","userId":"ana","deviceId":"device-1","seq":6,"type":"THING_UPDATE_V1","payload":{"number":5},"touches":[{"kind":"thing","id":"own-5"}],"expected":null,"dependsOn":[],"status":"PENDING","attempts":2,"nextAttemptAt":"2026-11-18T11:07:40.123Z","idempotencyKey":"key-6","createdAt":"2026-11-18T11:06:40.123Z","clientTraceId":"trace-5","lastError":{"code":"transient","title":"It was transient \u0000 é","problem":null,"at":"2026-11-18T11:06:47.123Z"},"conflict":null}');
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
INSERT INTO "partition" VALUES(1,1,'acme','ana','device-1',6,1,1,1,1,7,'tab-1',1795000000000);
CREATE TABLE touches (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (kind, id, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO "touches" VALUES('thing','a',3);
INSERT INTO "touches" VALUES('thing','a',4);
INSERT INTO "touches" VALUES('thing','a',5);
INSERT INTO "touches" VALUES('thing','b',3);
INSERT INTO "touches" VALUES('thing','b',4);
INSERT INTO "touches" VALUES('thing','b',5);
INSERT INTO "touches" VALUES('thing','own-5',6);
CREATE INDEX outbox_parked ON outbox (seq) WHERE status <> 'PENDING';
CREATE INDEX flight_id ON flight (flight_id, seq);
CREATE INDEX given_entry ON given (entry);
COMMIT;
PRAGMA user_version = 1;
