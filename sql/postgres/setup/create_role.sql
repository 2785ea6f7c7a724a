-- A role that may log in; the secret is a SCRAM verifier, never the password itself.
CREATE ROLE {role} LOGIN PASSWORD %(secret)s;
