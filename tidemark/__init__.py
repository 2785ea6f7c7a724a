"""What every part of Tidemark shares: settings, where the running parts are, errors a user can act on, logs."""
