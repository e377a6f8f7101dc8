-- The file says whose it is: "AgTr".
PRAGMA application_id = 1097290866;

-- The log: every signed message without its disclosures, in the order of the Merkle tree. Never changed.
-- Index 0 is bundle 1, so its hash is the trust domain.
CREATE TABLE message (
    idx     INTEGER PRIMARY KEY,
    hash    BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    typ     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    -- The request that this message is or is about.
    request INTEGER,
    leaf    TEXT NOT NULL
) STRICT;
CREATE INDEX message_request ON message (request) WHERE request IS NOT NULL;

-- What is still disclosed of a message: "segment~segment~". Erasing deletes the row.
CREATE TABLE disclosure (
    message  INTEGER PRIMARY KEY REFERENCES message,
    segments TEXT NOT NULL
) STRICT;

-- RFC 6962 hashes of complete subtrees of 2^level leaves.
CREATE TABLE tree (
    level INTEGER NOT NULL,
    idx   INTEGER NOT NULL,
    hash  BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

-- The newest signed note, and those that devices have co-signed.
CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY,
    note TEXT NOT NULL
) STRICT;

-- Devices that ever did something here; operational.
CREATE TABLE device (
    id        INTEGER PRIMARY KEY,
    key       BLOB NOT NULL UNIQUE CHECK (length(key) = 32),
    last_seen INTEGER,
    -- The largest tree it co-signed, and its signature line.
    cosigned  INTEGER REFERENCES checkpoint,
    line      TEXT,
    -- The highest number it gave a decision.
    numbered  INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE bundle (
    message INTEGER PRIMARY KEY REFERENCES message,
    version INTEGER NOT NULL,
    -- Signed by the recovery key and waiting.
    waiting INTEGER NOT NULL CHECK (waiting IN (0, 1))
) STRICT;
CREATE UNIQUE INDEX bundle_version ON bundle (version) WHERE waiting = 0;

CREATE TABLE status (
    seq      INTEGER PRIMARY KEY,
    message  INTEGER NOT NULL UNIQUE REFERENCES message,
    by_admin INTEGER NOT NULL CHECK (by_admin IN (0, 1))
) STRICT;

CREATE TABLE agent (
    id         INTEGER PRIMARY KEY,
    key        BLOB NOT NULL UNIQUE CHECK (length(key) = 32),
    name       TEXT NOT NULL,
    requests   INTEGER NOT NULL DEFAULT 0,
    last_asked INTEGER
) STRICT;

CREATE TABLE enrollment (
    message INTEGER PRIMARY KEY REFERENCES message,
    agent   INTEGER NOT NULL REFERENCES agent,
    -- 0 pending, 1 enrolled, 2 refused
    state   INTEGER NOT NULL,
    process TEXT,
    inbox   INTEGER NOT NULL
) STRICT;
CREATE INDEX enrollment_agent ON enrollment (agent);
CREATE INDEX enrollment_pending ON enrollment (inbox) WHERE state = 0;

CREATE TABLE cert (
    message INTEGER PRIMARY KEY REFERENCES message,
    agent   INTEGER NOT NULL REFERENCES agent,
    enroll  INTEGER NOT NULL REFERENCES enrollment
) STRICT;
CREATE INDEX cert_agent ON cert (agent);

CREATE TABLE session (
    message INTEGER PRIMARY KEY REFERENCES message,
    cert    INTEGER NOT NULL REFERENCES cert,
    sid     TEXT NOT NULL
) STRICT;

CREATE TABLE tool (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- One row a request; its id is its leaf index.
CREATE TABLE request (
    id       INTEGER PRIMARY KEY REFERENCES message,
    session  INTEGER NOT NULL REFERENCES session,
    agent    INTEGER NOT NULL REFERENCES agent,
    tool     INTEGER NOT NULL REFERENCES tool,
    server   TEXT,
    -- 0 pending, 1 approved, 2 claimed, 3 unknown, 4 denied, 5 expired, 6 cancelled, 7 revoked, 8 executed, 9 failed
    state    INTEGER NOT NULL,
    -- When it was stored, and when it was answered.
    asked    INTEGER NOT NULL,
    decided  INTEGER,
    -- Until when an answer is of use, and when the clock moves it.
    exp      INTEGER NOT NULL,
    due      INTEGER,
    -- The first 8 bytes of SHA-256 over agent, session id and call.
    call     INTEGER,
    grant_id INTEGER REFERENCES grants,
    -- The claim that took it.
    claim    INTEGER REFERENCES message,
    -- Its newest place in the inbox.
    inbox    INTEGER NOT NULL,
    -- Copies for lists, erased with the content.
    title    TEXT,
    target   TEXT,
    erased   INTEGER NOT NULL DEFAULT 0 CHECK (erased IN (0, 1))
) STRICT;
-- Lists, newest first.
CREATE INDEX request_asked ON request (asked);
CREATE INDEX request_agent ON request (agent, asked);
CREATE INDEX request_tool ON request (tool, asked);
CREATE INDEX request_agent_tool ON request (agent, tool, asked);
-- Lists by state: a request enters the first one while it moves and the others once, when it is over.
CREATE INDEX request_open ON request (state, asked) WHERE state < 3;
CREATE INDEX request_over ON request (state, asked) WHERE state >= 3;
CREATE INDEX request_over_agent ON request (agent, state, asked) WHERE state >= 3;
CREATE INDEX request_over_tool ON request (tool, state, asked) WHERE state >= 3;
CREATE INDEX request_over_agent_tool ON request (agent, tool, state, asked) WHERE state >= 3;
CREATE INDEX request_pending ON request (inbox) WHERE state = 0;
CREATE INDEX request_due ON request (due) WHERE due IS NOT NULL;
CREATE INDEX request_call ON request (call) WHERE call IS NOT NULL;
CREATE INDEX request_session ON request (session);

CREATE TABLE decision (
    message INTEGER PRIMARY KEY REFERENCES message,
    request INTEGER NOT NULL REFERENCES request,
    device  INTEGER NOT NULL REFERENCES device,
    denies  INTEGER NOT NULL CHECK (denies IN (0, 1)),
    exp     INTEGER NOT NULL
) STRICT;
CREATE INDEX decision_request ON decision (request);

CREATE TABLE grants (
    message   INTEGER PRIMARY KEY REFERENCES message,
    exp       INTEGER NOT NULL,
    uses      INTEGER NOT NULL DEFAULT 0,
    last_used INTEGER
) STRICT;
CREATE TABLE grant_agent (
    agent    BLOB NOT NULL CHECK (length(agent) = 32),
    grant_id INTEGER NOT NULL REFERENCES grants,
    PRIMARY KEY (agent, grant_id)
) STRICT, WITHOUT ROWID;
-- The running sum of what was reserved for one constraint, at each second in which something was; operational.
CREATE TABLE reservation (
    grant_id INTEGER NOT NULL REFERENCES grants,
    place    INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    total    INTEGER NOT NULL,
    PRIMARY KEY (grant_id, place, at)
) STRICT, WITHOUT ROWID;

-- What devices saw; operational.
CREATE TABLE mark (
    request   INTEGER NOT NULL REFERENCES request,
    device    INTEGER NOT NULL REFERENCES device,
    delivered INTEGER,
    opened    INTEGER,
    answered  INTEGER,
    PRIMARY KEY (request, device)
) STRICT, WITHOUT ROWID;

-- What happened, for devices that come back; the oldest are forgotten, the newest never, so no number comes twice;
-- operational.
CREATE TABLE inbox (
    seq     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    -- 0 request, 1 moved, 2 enroll, 3 enrolled, 4 trust, 5 pairing
    kind    INTEGER NOT NULL,
    -- The message it is about.
    subject INTEGER NOT NULL REFERENCES message,
    state   INTEGER,
    by      INTEGER REFERENCES device,
    code    TEXT
) STRICT;

-- The words of title, target, reason, arguments, notes and output, without the text itself.
-- Row: request id * 256 + the message's place among the request's messages with content.
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', columnsize = 0, tokenize = 'unicode61 remove_diacritics 2');
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
