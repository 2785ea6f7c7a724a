"""The paths of the API, a file per subject."""
