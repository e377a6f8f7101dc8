-- The bundle chain as accepted. `first_seen` is set for a version that came in by the recovery key.
CREATE TABLE bundles (
    version    INTEGER PRIMARY KEY,
    text       TEXT NOT NULL,
    first_seen INTEGER
) STRICT;

-- A bundle signed by the recovery key that waits for its time.
CREATE TABLE recovery (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    text       TEXT NOT NULL,
    first_seen INTEGER NOT NULL
) STRICT;

-- The status chain from the newest admin-signed one on: a verifier can begin only there.
CREATE TABLE statuses (
    seq  INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;

CREATE TABLE enrolment (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    text TEXT NOT NULL,
    cert TEXT
) STRICT;

-- The caller's threads by the caller's names, each with its constant session id and its current turn.
CREATE TABLE threads (
    name    TEXT PRIMARY KEY,
    sid     TEXT NOT NULL,
    parent  TEXT,
    task    TEXT,
    message TEXT,
    used    INTEGER NOT NULL
) STRICT;

-- The spent table. `asked` may become `spent` once, by one compare-and-set; nothing leaves `ended`.
-- A request under a grant is `spent` before it is sent and goes back to `asked` only if the person is asked instead.
CREATE TABLE requests (
    hash    TEXT PRIMARY KEY,
    state   TEXT NOT NULL CHECK (state IN ('asked', 'spent', 'ended')),
    text    TEXT NOT NULL,
    session TEXT NOT NULL,
    cert    TEXT NOT NULL,
    sid     TEXT NOT NULL,
    call    TEXT,
    exp     INTEGER NOT NULL,
    claim   TEXT,
    granted TEXT,
    code    TEXT,
    note    TEXT
) STRICT;

CREATE INDEX requests_by_call ON requests (sid, call) WHERE call IS NOT NULL;

CREATE TABLE grants (
    place   INTEGER PRIMARY KEY,
    text    TEXT NOT NULL
) STRICT;

-- The running sum of what was used of each grant, by second; never returned.
CREATE TABLE uses (
    granted TEXT NOT NULL,
    place   INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    total   INTEGER NOT NULL,
    PRIMARY KEY (granted, place, at)
) STRICT, WITHOUT ROWID;

-- Signed messages the daemon has not taken yet, in the order in which it must get them.
CREATE TABLE outbox (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
