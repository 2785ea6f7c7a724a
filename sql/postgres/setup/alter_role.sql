-- The password of a role that is there already; the secret is a SCRAM verifier, never the password itself.
ALTER ROLE {role} LOGIN PASSWORD %(secret)s;
