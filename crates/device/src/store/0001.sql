-- The one device that lives here. `daemon` and `trust` are JSON; the trust messages are verified again when read.
CREATE TABLE device (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    tdid     BLOB NOT NULL,
    daemon   TEXT NOT NULL,
    trust    TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    log_size INTEGER,
    log_root BLOB,
    CHECK ((log_size IS NULL) = (log_root IS NULL))
) STRICT;

-- The agents it has answered.
CREATE TABLE agents (
    agent BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- What it has answered, until `forget`: no request is answered in two ways.
CREATE TABLE answers (
    request  BLOB PRIMARY KEY,
    decision BLOB NOT NULL,
    verdict  TEXT NOT NULL,
    seq      INTEGER NOT NULL UNIQUE,
    forget   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX answers_by_end ON answers (forget);

-- Decisions the daemon may not have yet, in the order in which it must get them.
CREATE TABLE outbox (
    seq     INTEGER PRIMARY KEY,
    request BLOB NOT NULL,
    until   INTEGER NOT NULL,
    message TEXT NOT NULL
) STRICT;
