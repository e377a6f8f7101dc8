-- The sessions of an agent, by its certificates, newest last.
CREATE INDEX session_cert ON session (cert);
